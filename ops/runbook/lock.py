"""The lock of a target: one run at a time. It is a kernel lock (flock), so a crash releases it."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.files import NO_LINK
from ops.runbook.journal import now

LOOK_EVERY_S = 0.2
TOLD_EVERY_S = 30.0


@contextlib.contextmanager
def held(file: Path, command: str, *, wait: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock while inside.

    Args:
        file: the lock file; who holds it is written in it for the next one to read.
        command: what is being run, for that message.
        wait: another run is waited for; told so now and then. Without it, it is an error.

    Raises:
        RunbookError: LOCK-001 when another run holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600)
    try:
        if not (_taken(descriptor) or (wait is not None and _waited(descriptor, wait))):
            raise RunbookError(
                "LOCK-001",
                f"another run is at work: {_holder(descriptor)}",
                why="two runs at once would undo each other's steps",
                next="the same command with --wait, or stop the other with Ctrl-C where it runs",
            )
        info = {
            "pid": os.getpid(),
            "who": operator(),
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


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _waited(descriptor: int, say: Callable[[str], None]) -> bool:
    """Wait until the other run has ended, by looking: to wait for the kernel's lock itself would be deaf to Ctrl-C."""
    began = time.monotonic()
    told = -TOLD_EVERY_S
    while not _taken(descriptor):
        waited = time.monotonic() - began
        if waited - told >= TOLD_EVERY_S:
            told = waited
            say(f"waiting for another run: {_holder(descriptor)} ({waited:.0f} s)")
        interrupt.sleep(LOOK_EVERY_S)
    return True


def operator() -> str:
    """Who runs this: user@machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _holder(descriptor: int) -> str:
    try:
        info = json.loads(os.pread(descriptor, 4096, 0))
        return f"{info['command']} by {info['who']}, pid {info['pid']}, since {info['since']}"
    except (ValueError, KeyError, TypeError):
        return "it has not said who it is yet"
