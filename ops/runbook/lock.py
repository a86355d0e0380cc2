"""One operator at a time. The lock is the kernel's (flock), so a crash can never leave it behind."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.runbook.errors import RunbookError
from ops.runbook.files import NO_LINK
from ops.runbook.journal import now


@contextlib.contextmanager
def held(file: Path, command: str) -> Iterator[None]:
    """Hold the lock while inside.

    Args:
        file: the lock file; who holds it is written in it for the next one to read.
        command: what is being run, for that message.

    Raises:
        RunbookError: LOCK-001 when another run holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunbookError(
                "LOCK-001",
                f"another run is at work: {_holder(descriptor)}",
                why="two runs at once would undo each other's steps",
                next="wait for it to end, or stop it with Ctrl-C where it runs",
            ) from None
        info = {
            "pid": os.getpid(),
            "who": f"{_user()}@{socket.gethostname()}",
            "command": command,
            "since": now(),
            "python": sys.version.split()[0],
        }
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(info).encode(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _holder(descriptor: int) -> str:
    try:
        info = json.loads(os.pread(descriptor, 4096, 0))
        return f"{info['command']} by {info['who']}, pid {info['pid']}, since {info['since']}"
    except (ValueError, KeyError, TypeError):
        return "it has not said who it is yet"
