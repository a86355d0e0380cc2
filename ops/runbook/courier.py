"""Delivering queued progress reports: one sender at a time, in order; one that fails does not hold up the others."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from ops.runbook.errors import RunbookError
from ops.runbook.progress import Entry, Outbox, age_hours
from ops.runbook.sending import Scripts, Sending

PAUSE_S = 30.0  # between two attempts during a run
NOT_FOUND = 127  # the shell's exit code for a program that is not there


@dataclass
class Delivered:
    """What came of an attempt: how many arrived, and of each that did not, its name and why."""

    count: int = 0
    problems: list[str] = field(default_factory=list)


def deliver(
    outbox: Outbox,
    scripts: Scripts | None,
    *,
    again: bool = False,
    pause: float = PAUSE_S,
    go_on: Callable[[], bool] = lambda: True,
) -> Delivered:
    """Send what waits, oldest first. Whatever a script refuses stays in the outbox, and the next one is sent.

    Args:
        again: also what was set aside, or refused a moment ago.
        pause: seconds that pass before a report that was refused is tried again.
        go_on: asked now and then; when it says no, what is under way is left to itself and found by the next sender.

    Raises:
        RunbookError: PROG-001 no repository configured, PROG-002 it holds no scripts, PROG-004 no npx, PROG-005 a
            script took too long: nothing more is tried then.
    """
    done = Delivered()
    with outbox.alone() as alone:
        entries = [entry for entry in outbox.undelivered() if again or _is_due(entry, pause)] if alone else []
        if entries and scripts is None:
            raise RunbookError(
                "PROG-001",
                f"{len(entries)} progress reports wait: no repository with the progress scripts is configured",
                next="set PROGRESS_REPOSITORY in .env, then inv progress.flush",
            )
        for entry in entries:
            assert scripts is not None
            if not scripts.file(entry.script).is_file():
                raise RunbookError(
                    "PROG-002",
                    f"{len(entries) - done.count} progress reports wait: {scripts.file(entry.script)} is not there",
                    next="correct PROGRESS_REPOSITORY in .env, then inv progress.flush",
                )
            if not _send(outbox, scripts, entry, done, go_on):
                break
    return done


def _is_due(entry: Entry, pause: float) -> bool:
    hours = age_hours(entry.refused_at)
    return not entry.set_aside and (hours is None or hours * 3600 >= pause)


def _send(outbox: Outbox, scripts: Scripts, entry: Entry, done: Delivered, go_on: Callable[[], bool]) -> bool:
    """Send one; whether to go on with the next."""
    sending = Sending(outbox.folder / "sending", entry)
    code = sending.run(scripts, go_on)
    if code is None:
        return False
    words = sending.last_words()
    if code == 0:
        outbox.delivered(entry)
        done.count += 1
    elif code == NOT_FOUND:
        sending.forget()
        raise RunbookError("PROG-004", "npx is not on PATH", why=words, next="install Node.js, then inv progress.flush")
    else:
        outbox.refuse(entry, f"exit {code}: {words}")
        done.problems.append(f"{entry.name}: exit {code}: {words}")
    sending.forget()
    return True


class Courier:
    """Delivers in the background while a run goes on, so that a slow script delays no step.

    Args:
        tick: called now and then while the run goes on.
    """

    def __init__(self, outbox: Outbox, scripts: Scripts | None, tick: Callable[[], None] = lambda: None) -> None:
        self.outbox = outbox
        self.scripts = scripts
        self.tick = tick
        self.problem: RunbookError | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._given_up = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin delivering what is queued."""
        self._thread.start()

    def wake(self) -> None:
        """Something new is in the outbox."""
        self._wake.set()

    def finish(self, say: Callable[[str], None], patience: float | None = None) -> None:
        """Deliver what can be delivered, saying every few seconds that this is still being done.

        Args:
            patience: seconds; what is under way then goes on by itself, and the next command finds how it ended.
                None waits for as long as a script may take.

        Raises:
            Interrupted: whoever waits has had enough; as with `patience`.
        """
        self._stop.set()
        self._wake.set()
        waited = 0.0
        try:
            while self._thread.is_alive() and (patience is None or waited < patience):
                self._thread.join(0.1)
                waited += 0.1
                if self._thread.is_alive() and abs(waited % 3.0) < 0.1:
                    say(f"waiting for the progress scripts ({waited:.0f} s; Ctrl-C leaves them to themselves)")
        finally:
            self._given_up.set()
            self._thread.join(1.0)

    def _work(self) -> None:
        while True:
            self._wake.wait(PAUSE_S)
            self._wake.clear()
            last = self._stop.is_set()
            try:
                if not last:
                    self.tick()
                deliver(self.outbox, self.scripts, go_on=lambda: not self._given_up.is_set())
                self.problem = None
            except RunbookError as error:
                self.problem = error
            if last or self._given_up.is_set():
                return
