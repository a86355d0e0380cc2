"""The journal: one JSON line per event, appended and synced, never a secret. `inv status` reads it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.runbook.errors import RunbookError, reason
from ops.runbook.files import NO_LINK
from ops.runbook.secret import redactor

VERSION = 1


def now() -> str:
    """The time as the journal writes it: ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """Append-only JSONL. A line cut short by a crash is ignored when reading and never spoils the next one."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def write(self, event: str, **fields: Any) -> None:
        """Append one event: a single write to a file opened for appending, then synced to disk.

        Raises:
            RunbookError: RUN-004 when the disk refuses.
        """
        line = json.dumps({"v": VERSION, "at": now(), "event": event, **redactor.within(fields)}, ensure_ascii=False)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT | NO_LINK, 0o600)
            try:
                os.write(descriptor, self._mend(descriptor) + line.encode() + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise RunbookError(
                "RUN-004",
                f"the journal {self.file} cannot be written: {reason(error)}",
                why="without a journal nothing is changed",
                next="free disk space or mend the permissions, then run the same command again",
            ) from None

    @staticmethod
    def _mend(descriptor: int) -> bytes:
        """A newline first, where a crash cut the last line short."""
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size == 0:
            return b""
        os.lseek(descriptor, size - 1, os.SEEK_SET)
        return b"" if os.read(descriptor, 1) == b"\n" else b"\n"

    def read(self) -> Iterator[dict[str, Any]]:
        """Every whole event, oldest first."""
        try:
            lines = self.file.open(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return
        with lines:
            for line in lines:
                with contextlib.suppress(json.JSONDecodeError):
                    event = json.loads(line)
                    if isinstance(event, dict) and event.get("v") == VERSION:
                        yield event

    def last_outcomes(self) -> dict[str, dict[str, Any]]:
        """For each step key its newest `step` event."""
        return {event["step"]: event for event in self.read() if event["event"] == "step"}
