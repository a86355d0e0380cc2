"""Progress reports not yet delivered: an outbox on disk, append-only, whose entries have names.

Two journals: what was to be said, and what has become of it (delivered, refused by its script, dropped by hand).
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ops.runbook.errors import RunbookError
from ops.runbook.files import NO_LINK
from ops.runbook.journal import Journal
from ops.runbook.secret import redactor

TRIES = 3  # an entry that its script has refused so often is set aside


@dataclass(frozen=True)
class Entry:
    """One report.

    Attributes:
        name: how an operator refers to it, such as ``log-progress-12``; numbers rise and are not used again.
        id: the same in every attempt, for a script that wants to tell a repetition.
        script, arguments: what is to be run.
        at: when it was queued, ISO 8601.
        refused: how often its script has ended badly; `why` has its last words, `refused_at` when it last did.
    """

    name: str
    id: str
    script: str
    arguments: tuple[str, ...]
    at: str
    refused: int = 0
    why: str = ""
    refused_at: str | None = None

    @property
    def set_aside(self) -> bool:
        """Its script refuses it for good: it is kept, and no longer tried by itself."""
        return self.refused >= TRIES


class Outbox:
    """The reports of one target, in order.

    Args:
        folder: private, made when something is first put into it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._queued = Journal(folder / "outbox.jsonl")
        self._fates = Journal(folder / "delivered.jsonl")

    def put(self, script: str, arguments: Sequence[str]) -> None:
        """Queue one report; on disk when this returns.

        Args:
            script: name of the progress script to run.
            arguments: for the script.

        Raises:
            RunbookError: the disk refuses.
        """
        clean = [redactor(argument) for argument in arguments]
        self._queued.write("report", id=uuid.uuid4().hex, script=script, arguments=clean)

    def queued(self) -> list[Entry]:
        """Every report there has ever been, oldest first, but those dropped."""
        refused: Counter[str] = Counter()
        last, dropped = {}, set()
        for event in self._fates.read():
            if event["event"] == "refused":
                refused[event["id"]] += 1
                last[event["id"]] = event
            elif event["event"] == "dropped":
                dropped.add(event["id"])
        entries = [
            Entry(
                f"{event['script'].partition('.')[0]}-{number}",
                event["id"],
                event["script"],
                tuple(event["arguments"]),
                event["at"],
                refused[event["id"]],
                last.get(event["id"], {}).get("why", ""),
                last.get(event["id"], {}).get("at"),
            )
            for number, event in enumerate(self._queued.read(), 1)
        ]
        return [entry for entry in entries if entry.id not in dropped]

    def undelivered(self) -> list[Entry]:
        """Reports that have not arrived, oldest first, those set aside among them."""
        done = {event["id"] for event in self._fates.read() if event["event"] == "delivered"}
        return [entry for entry in self.queued() if entry.id not in done]

    def waiting(self) -> list[Entry]:
        """Reports that the next delivery will try."""
        return [entry for entry in self.undelivered() if not entry.set_aside]

    def last_delivery(self) -> str | None:
        """When the newest report was delivered, ISO 8601, or None."""
        return max((str(event["at"]) for event in self._fates.read() if event["event"] == "delivered"), default=None)

    def delivered(self, entry: Entry) -> None:
        """It has arrived."""
        self._fates.write("delivered", id=entry.id)

    def refuse(self, entry: Entry, why: str) -> None:
        """Its script has ended badly."""
        self._fates.write("refused", id=entry.id, why=why)

    def drop(self, name: str) -> Entry:
        """Give a report up.

        Raises:
            RunbookError: PROG-003 nothing of that name waits.
        """
        there = self.undelivered()
        for entry in there:
            if entry.name == name:
                self._fates.write("dropped", id=entry.id)
                return entry
        names = ", ".join(entry.name for entry in there) or "none"
        raise RunbookError("PROG-003", f"there is no waiting report '{name}'", why=names, next="inv progress.show")

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """One sender at a time: whether this is the one."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.folder / "outbox.lock", os.O_RDWR | os.O_CREAT | NO_LINK, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(descriptor)


def percent(done: int, total: int) -> int:
    """How many of `total` steps are done, in whole percent; 100 only when everything is done."""
    return 100 if done >= total else min(99, done * 100 // max(1, total))


def age_hours(stamp: str | None) -> float | None:
    """Hours since an ISO 8601 time, or None."""
    if stamp is None:
        return None
    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds() / 3600
