"""flyctl's background agent, which carries the tunnels: it lives while somebody needs it, and its log goes with it.

flyctl starts it by itself, detached and with the token in its environment, and never ends it. Several commands of
the runbook may share one (they share flyctl's folder): a file lock tells the last of them to stop it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import shutil
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

SOCKET = "fly-agent.sock"
LOGS = "agent-logs"
AGENT_LOCK = "flyctl.agent.lock"
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
        with _process(state / SOCKET) as process:
            stop()
            _wait_for_end(state, process)
        (state / SOCKET).unlink(missing_ok=True)  # of an agent that was killed
    shutil.rmtree(state / LOGS, ignore_errors=True)


@contextlib.contextmanager
def _process(path: Path) -> Iterator[int | None]:
    """A descriptor of the process that listens there, where the system has such; None where nobody does."""
    process = None
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as link:
        link.connect(os.fspath(path))
        if sys.platform == "linux":
            credentials = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            process = os.pidfd_open(struct.unpack("3i", credentials)[0])
    try:
        yield process
    finally:
        if process is not None:
            os.close(process)


def _wait_for_end(state: Path, process: int | None) -> None:
    """Until the agent is no more. This goes on when the run has been asked to stop: it cleans up."""
    if process is not None and sys.platform == "linux":
        if not select.select([process], [], [], STOP_S)[0]:
            signal.pidfd_send_signal(process, signal.SIGKILL)  # it would keep the token
            select.select([process], [], [], STOP_S)
        return
    # Elsewhere: the agent holds this lock for as long as it runs.
    file = os.open(state / AGENT_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    waiting = threading.Thread(target=fcntl.flock, args=(file, fcntl.LOCK_EX), daemon=True)
    waiting.start()
    waiting.join(STOP_S)
    if not waiting.is_alive():
        os.close(file)
