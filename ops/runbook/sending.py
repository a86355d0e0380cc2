"""Running the script of one progress report, so that its exit code is known even if this process is killed meanwhile.

A shell outlives us and writes the exit code to a file; while it or the script lives, they hold a lock that they have
inherited. So a report whose sender died is waited for, or found delivered, and not sent a second time. Only where that
shell itself was killed is nothing known: then the report is sent again, with the same PROGRESS_REPORT_ID.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.runbook.errors import RunbookError
from ops.runbook.progress import Entry
from ops.runbook.secret import redactor

SCRIPT_S = 60.0
KILLED = 137  # what a shell says of a program that was killed
ID = "PROGRESS_REPORT_ID"
_KEEP_CODE = 'file=$1; shift; "$@"; echo $? >"$file.new"; mv "$file.new" "$file"'


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
        """The argument list: npx tsx --env-file=.env scripts/agent/SCRIPT ARGUMENTS."""
        return ["npx", "tsx", f"--env-file={self.env_file}", f"scripts/agent/{script}", *arguments]

    def file(self, script: str) -> Path:
        """Where a script lies."""
        return self.repository / "scripts" / "agent" / script


class Sending:
    """One report on its way.

    Args:
        folder: where the outcomes of scripts are kept until they are noted.
    """

    def __init__(self, folder: Path, entry: Entry) -> None:
        self.entry = entry
        self._code, self._log, self._lock = (folder / f"{entry.id}.{end}" for end in ("code", "log", "lock"))

    def run(self, scripts: Scripts, go_on: Callable[[], bool] = lambda: True, limit: float = SCRIPT_S) -> int | None:
        """Run the script, or wait for the one that an earlier sender has begun.

        Args:
            go_on: asked now and then; when it says no the script is left to itself.
            limit: seconds it may take before it is stopped.

        Returns:
            The exit code; None when it was left to itself, and the next sender will find how it ended.

        Raises:
            RunbookError: PROG-004 no npx, PROG-005 out of time.
        """
        deadline = time.monotonic() + limit
        started = False
        while True:
            runs = self._runs()
            if (code := self._ended()) is not None:  # in this order: the code is there before the lock is free
                return code
            if not runs and started:
                return KILLED
            if not runs:
                self._start(scripts)
                started = True
            elif time.monotonic() > deadline:
                self._stop()
                raise RunbookError(
                    "PROG-005", f"{self.entry.script} did not end within {limit:.0f} s", next="inv progress.flush"
                )
            elif not go_on():
                return None
            # Three things are watched at once: the script's end, its lock, and what the caller wishes.
            time.sleep(0.05)

    def last_words(self) -> str:
        """What the script said last, redacted."""
        with contextlib.suppress(OSError):
            lines = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
            return redactor(" | ".join(lines[-3:]))[:300]
        return ""

    def forget(self) -> None:
        """Its end has been noted."""
        for file in (self._code, self._log, self._lock):
            file.unlink(missing_ok=True)

    def _start(self, scripts: Scripts) -> None:
        self._lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        # npx must not ask whether to install what is missing, nor do it.
        environment = {**os.environ, ID: self.entry.id, "npm_config_yes": "false"}
        words = scripts.command(self.entry.script, self.entry.arguments)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            child = subprocess.Popen(
                ["/bin/sh", "-c", _KEEP_CODE, "sh", str(self._code), *words],
                cwd=scripts.repository,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[lock],
                start_new_session=True,
            )
            os.pwrite(lock, str(child.pid).encode(), 0)
        finally:
            os.close(lock)
            os.close(log)

    def _ended(self) -> int | None:
        try:
            return int(self._code.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _runs(self) -> bool:
        try:
            lock = os.open(self._lock, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(lock)

    def _stop(self) -> None:
        with contextlib.suppress(ValueError, OSError):
            os.killpg(int(self._lock.read_text()), signal.SIGKILL)
