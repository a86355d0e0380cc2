"""Processes by recorded pid: checking that one is still the process we started, and ending it."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.targets.local.launch import birth
from ops.targets.local.layout import read, write_private


def record(file: Path, pid: int) -> None:
    """Note `pid` with its time of birth, so that a later process of the same number is not taken for it."""
    write_private(file, f"{pid} {birth(pid)}\n")


def alive(file: Path) -> int:
    """The pid noted in `file` if that very process still runs, else 0."""
    number, _, born = (read(file) or "").strip().partition(" ")
    if not number.isdigit() or not born:
        return 0
    return int(number) if birth(int(number)) == born and not _is_zombie(int(number)) else 0


def _is_zombie(pid: int) -> bool:
    """Ended, and only waiting for its parent to ask how: it holds no port and no file any more."""
    return _status(pid)[:1] == ["Z"]


def group_alive(pid: int) -> bool:
    """Whether any process of the group led by `pid` runs; zombies do not count."""
    if Path("/proc/self/stat").exists():
        return any(
            len(words) > 2 and words[0] not in "ZX" and words[2] == str(pid) for words in map(_status, _all_processes())
        )
    try:
        os.killpg(pid, 0)
    except (ProcessLookupError, PermissionError):
        # PermissionError is what macOS says of a group of zombies.
        return False
    return True


def _all_processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _status(pid: int) -> list[str]:
    """State, parent, group ... of a process, as in proc(5) from its third field on; empty if there is none."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    return []


def stop(file: Path, number: signal.Signals = signal.SIGTERM, grace: float = 10.0) -> bool:
    """End the process noted in `file`, and its group: first by `number`, after `grace` seconds by SIGKILL.

    Returns whether there was anything to end.

    Raises:
        RunbookError: LOCAL-004 it is still there.
    """
    pid = alive(file)
    if not pid:
        file.unlink(missing_ok=True)
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    try:
        interrupt.wait_until(lambda: not alive(file), what=f"{file.name} to stop", timeout=grace, every=0.02)
    except RunbookError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    # The supervisor makes each of its children the leader of a group; whoever else is in it goes with it.
    if group_alive(pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    interrupt.wait_until(
        lambda: not alive(file),
        what=f"{file.name} (pid {pid}) to end",
        timeout=5,
        every=0.02,
        code="LOCAL-004",
        next=f"kill -9 {pid}, then inv local.down",
    )
    file.unlink(missing_ok=True)
    return True
