"""Progress reports: an outbox on disk, and a courier that delivers it in order through the agent scripts.

The scripts (`log-progress.ts`, `complete-task.ts`) live in another repository. Where they are absent or fail,
entries wait; steps never do. An entry leaves the outbox when its script has ended well, so none is lost and
none is sent again, save one whose script was killed before it could say how it ended.
"""

from __future__ import annotations

import fcntl
import os
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.runbook import proc
from ops.runbook.errors import Interrupted, RunbookError
from ops.runbook.journal import Journal
from ops.runbook.secret import redactor

SCRIPT_TIMEOUT = 60.0
RETRY_PAUSE = 30.0


@dataclass(frozen=True)
class Scripts:
    """Where the progress scripts are.

    Attributes:
        repository: the checkout that holds `scripts/agent/*.ts` and `.env`.
        env_file: passed as `--env-file`, relative to the repository.
    """

    repository: Path
    env_file: str = ".env"

    def command(self, script: str, arguments: Sequence[str]) -> list[str]:
        """The argument list, as the seed writes it: npx tsx --env-file=.env scripts/agent/SCRIPT ARGUMENTS."""
        return ["npx", "tsx", f"--env-file={self.env_file}", f"scripts/agent/{script}", *arguments]


class Outbox:
    """Reports not yet delivered, on disk, in order.

    Two journals: what was to be said, and what has been delivered; the difference waits.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._queued = Journal(folder / "outbox.jsonl")
        self._delivered = Journal(folder / "delivered.jsonl")

    def put(self, script: str, arguments: Sequence[str]) -> None:
        """Queue one report; on disk when this returns."""
        clean = [redactor(argument) for argument in arguments]
        self._queued.write("report", id=uuid.uuid4().hex, script=script, arguments=clean)

    def waiting(self) -> list[dict[str, Any]]:
        """Reports not delivered yet, oldest first."""
        done = {event["id"] for event in self._delivered.read()}
        return [event for event in self._queued.read() if event["id"] not in done]

    def last_delivery(self) -> str | None:
        """When the newest report was delivered, ISO 8601, or None."""
        last = None
        for event in self._delivered.read():
            last = str(event["at"])
        return last

    def deliver(self, scripts: Scripts | None) -> int:
        """Send what waits, oldest first, stopping at the first that fails.

        Returns:
            How many were delivered.

        Raises:
            RunbookError: PROG-001 no repository configured, PROG-002 it holds no scripts, else what the
                failing script said. What was not delivered stays in the outbox.
        """
        with self._alone() as alone:
            waiting = self.waiting() if alone else []
            if not waiting:
                return 0
            if scripts is None:
                raise RunbookError(
                    "PROG-001",
                    f"{len(waiting)} progress reports wait: no repository with the progress scripts is configured",
                    next="set PROGRESS_REPOSITORY in .env, then inv progress.flush",
                )
            for count, entry in enumerate(waiting):
                file = scripts.repository / "scripts" / "agent" / entry["script"]
                if not file.is_file():
                    raise RunbookError(
                        "PROG-002",
                        f"{len(waiting) - count} progress reports wait: {file} is not there",
                        next="correct PROGRESS_REPOSITORY in .env, then inv progress.flush",
                    )
                proc.run(
                    scripts.command(entry["script"], entry["arguments"]),
                    cwd=scripts.repository,
                    timeout=SCRIPT_TIMEOUT,
                )
                self._delivered.write("delivered", id=entry["id"])
            return len(waiting)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """One courier at a time; a second one has nothing to do."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self.folder / "outbox.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield True
        except BlockingIOError:
            yield False
        finally:
            os.close(descriptor)


class Courier:
    """Delivers in the background while a run goes on, so that a slow script delays no step."""

    def __init__(self, outbox: Outbox, scripts: Scripts | None) -> None:
        self.outbox = outbox
        self.scripts = scripts
        self.problem: RunbookError | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin delivering what is queued."""
        if self.scripts is not None:
            self._thread.start()

    def wake(self) -> None:
        """Something new is in the outbox."""
        self._wake.set()

    def finish(self, patience: float = 15.0) -> None:
        """Stop after what is under way; what is not delivered within `patience` seconds waits for the next run."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(patience)

    def _work(self) -> None:
        while True:
            self._wake.wait(RETRY_PAUSE)
            self._wake.clear()
            try:
                self.outbox.deliver(self.scripts)
                self.problem = None
            except RunbookError as error:
                self.problem = error
            except Interrupted:
                return
            if self._stop.is_set():
                return


def percent(done: int, total: int) -> int:
    """Whole percent, 100 only when everything is done."""
    return 100 if done >= total else min(99, done * 100 // max(1, total))


def age_hours(stamp: str | None) -> float | None:
    """Hours since an ISO 8601 time, or None."""
    if stamp is None:
        return None
    return (datetime.now(UTC) - datetime.fromisoformat(stamp)).total_seconds() / 3600
