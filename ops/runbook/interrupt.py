"""Ctrl-C, SIGTERM and a terminal that hangs up: one place that knows what a signal means at each moment of a run.

Outside a run the signal raises `Interrupted` in the main thread. During a run a handler is installed
with `during(...)` that only tells the runner, so that journal, lock and children are put in order
by ordinary code and not from inside a signal handler.
"""

from __future__ import annotations

import contextlib
import contextvars
import math
import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from ops.runbook import early
from ops.runbook.errors import Interrupted, RunbookError, TimeUp

stop = threading.Event()
_signum: int = signal.SIGINT
_ends: contextvars.ContextVar[float] = contextvars.ContextVar("ends", default=math.inf)


def install() -> None:
    """Let the signals that ask to stop raise `Interrupted`. Call once, early, from the main thread."""
    for number in early.asked():
        signal.signal(number, _raise)


def _raise(signum: int, frame: FrameType | None) -> None:
    _leave_terminal(signum)
    raise Interrupted(signum)


def _leave_terminal(signum: int) -> None:
    """After a hang-up, write to nowhere what can no longer be written to the terminal."""
    if signum != signal.SIGHUP:
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        # A terminal that is gone no longer says that it is one.
        with contextlib.suppress(OSError):
            if stat.S_ISCHR(os.fstat(number).st_mode):
                os.dup2(nowhere, number)


@contextlib.contextmanager
def during(tell: Callable[[int], None]) -> Iterator[None]:
    """While inside, a signal sets `stop` and calls `tell(signum)` instead of raising.

    Outside the main thread signals cannot be handled; then this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(signum: int, frame: FrameType | None) -> None:
        global _signum
        _signum = signum
        _leave_terminal(signum)
        stop.set()
        tell(signum)

    before = {number: signal.signal(number, handler) for number in early.asked()}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
        stop.clear()


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """While inside, `check` and `sleep` on this thread raise `TimeUp` once `seconds` have passed."""
    token = _ends.set(min(_ends.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends.reset(token)


def left(seconds: float) -> float:
    """`seconds`, or what is left of the time that this thread has, whichever is less."""
    return max(0.0, min(seconds, _ends.get() - time.monotonic()))


def check() -> None:
    """For loops inside steps.

    Raises:
        Interrupted: the run has been asked to stop.
        TimeUp: the step's time is used up.
    """
    if stop.is_set():
        raise Interrupted(_signum)
    if time.monotonic() >= _ends.get():
        raise TimeUp


def sleep(seconds: float) -> None:
    """Pause between two looks at a condition; wakes at once to raise what `check` raises.

    Raises:
        Interrupted: the run was asked to stop.
    """
    stop.wait(left(seconds))
    check()


def wait_until(
    condition: Callable[[], bool],
    *,
    what: str,
    timeout: float,
    every: float = 0.1,
    say: Callable[[str], None] | None = None,
    code: str = "RUN-003",
    next: str = "",
) -> None:
    """Wait until `condition()` is true, saying every few seconds that it waits and for what.

    Args:
        condition: cheap look, called every `every` seconds (growing to one second).
        what: what is awaited, as in "waiting for {what}".
        timeout: seconds.
        say: receives a line about the waiting.
        code, next: of the error.

    Raises:
        RunbookError: the time is up.
        Interrupted: the run was asked to stop.
    """
    start = time.monotonic()
    spoken = start
    pause = every
    while not condition():
        now = time.monotonic()
        if now - start > timeout:
            raise RunbookError(code, f"waited {timeout:.0f} s for {what}, in vain", next=next)
        if say is not None and now - spoken >= 2.0:
            say(f"waiting for {what} ({now - start:.0f} s)")
            spoken = now
        sleep(pause)
        pause = min(1.0, pause * 1.25)
