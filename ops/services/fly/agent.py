"""flyctl's background agent, which carries the tunnels: it lives while somebody needs it, and its log goes with it.

flyctl starts it by itself, detached and with the token in its environment, and never ends it. Several commands of
the runbook may share one (they share flyctl's folder): a file lock tells the last of them to stop it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

SOCKET = "fly-agent.sock"
LOGS = "agent-logs"
STOP_S = 5.0
LONGEST_SOCKET = 107  # bytes of a path that a Unix socket can have on Linux


def socket_fits(state: Path) -> bool:
    """Whether the agent can listen in this folder: a socket's path has a limit of its own."""
    return len(os.fsencode(state / SOCKET)) <= LONGEST_SOCKET


def unblock(state: Path) -> None:
    """Remove a file that lies where the agent makes its log folder: without that it does not start."""
    if (state / LOGS).is_file():
        (state / LOGS).unlink(missing_ok=True)


@contextlib.contextmanager
def needed(state: Path, stop: Callable[[], None]) -> Iterator[None]:
    """While inside, nobody stops the agent of this folder; the last to leave does.

    Args:
        state: flyctl's folder.
        stop: asks the agent to end, as `flyctl agent stop` does.
    """
    with _lock(state) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)
            _end_unneeded(state, stop, file)


def end_unneeded(state: Path, stop: Callable[[], None]) -> None:
    """Stop an agent that some command has left behind, unless a tunnel needs it."""
    if (state / SOCKET).exists():
        with _lock(state) as file:
            _end_unneeded(state, stop, file)


@contextlib.contextmanager
def _lock(state: Path) -> Iterator[int]:
    file = os.open(state / "tunnels.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def _end_unneeded(state: Path, stop: Callable[[], None], file: int) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    if (state / SOCKET).exists():
        stop()
        deadline = time.monotonic() + STOP_S
        # Cleaning up goes on when the run has been asked to stop, so nothing here listens to that.
        while (state / SOCKET).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        (state / SOCKET).unlink(missing_ok=True)  # of an agent that was killed
    shutil.rmtree(state / LOGS, ignore_errors=True)
