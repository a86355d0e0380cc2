"""The runner: looks at every step at once, then acts where something is missing, in order, in parallel.

A step is done when its verification says so. A run is resumed by starting it again.
"""

from __future__ import annotations

import contextlib
import functools
import graphlib
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from ops.runbook import interrupt, proc, tries
from ops.runbook.errors import EXIT_BLOCKED, EXIT_FAILED, EXIT_OK, Interrupted, RunbookError, TimeUp
from ops.runbook.pool import Pool
from ops.runbook.secret import redactor
from ops.runbook.step import Look, Outcome, Say, State, Status, Step, heard_by

W = TypeVar("W")

PATIENCE = 10.0  # seconds a step that is stopped gets to come to rest
LATE_S = 0.5  # between two looks at whether one has not


class Observer(Protocol):
    """Who is told of a run's events as they happen: the console, the journal, the progress reports."""

    def begin(self, steps: Sequence[Step[W]]) -> None:
        """The run begins with these steps, in the order of their numbers."""
        ...

    def started(self, step: Step[W], doing: str) -> None:
        """A step begins; `doing` says with what, such as a look or an act."""
        ...

    def said(self, step: Step[W], text: str) -> None:
        """A step under way reports progress in one line of text, not yet redacted."""
        ...

    def ended(self, step: Step[W], outcome: Outcome) -> None:
        """A step has ended, well or not."""
        ...

    def finished(self, result: Result) -> None:
        """The run has ended or was interrupted; nothing is told after this."""
        ...


@dataclass
class Result:
    """How a run ended: every step's outcome by key, in the order they ended."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    seconds: float = 0.0
    interrupted: int | None = None

    def count(self, status: Status) -> int:
        """How many steps ended with `status`."""
        return sum(outcome.status is status for outcome in self.outcomes.values())

    @property
    def exit_code(self) -> int:
        """128+signal when interrupted, 1 when a step failed, 3 when only a person can go on, else 0."""
        if self.interrupted is not None:
            return 128 + self.interrupted
        if self.count(Status.FAILED):
            return EXIT_FAILED
        return EXIT_BLOCKED if self.count(Status.BLOCKED) else EXIT_OK


def with_needs(steps: Mapping[str, Step[W]], select: Collection[str]) -> list[Step[W]]:
    """The selected steps and everything they need, in the order of their numbers.

    Args:
        steps: every step there is, by key.
        select: keys of steps.

    Raises:
        KeyError: there is no such step.
    """
    wanted: set[str] = set()
    todo = list(select)
    while todo:
        key = todo.pop()
        if key not in wanted:
            wanted.add(key)
            todo.extend(steps[key].needs)
    return sorted((steps[key] for key in wanted), key=lambda step: step.order)


def run(
    steps: Sequence[Step[W]],
    context: W,
    observers: Sequence[Observer],
    *,
    brought_by: Mapping[str, str] | None = None,
    known: Mapping[str, Look] | None = None,
    crash_log: Callable[[str], None] = lambda text: None,
) -> Result:
    """Bring every step to its described state.

    Args:
        steps: closed under `needs` (see `with_needs`).
        context: handed to every look and act.
        observers: told of everything, always from the calling thread.
        brought_by: steps that are only looked at, by key, with the command that brings them about: a test needs
            them, and changes nothing.
        known: looks made a moment ago, by key, such as those of the plan that was just shown: not made again.
        crash_log: receives the traceback of an unexpected exception (a bug), redacted.

    Returns:
        The outcomes. An interrupt ends the run early: `interrupted` is set, children are gone.
    """
    return _Run(steps, context, observers, brought_by or {}, known, crash_log).go()


@dataclass(frozen=True)
class _Said:
    key: str
    text: str


@dataclass(frozen=True)
class _Ended:
    key: str
    outcome: Outcome | None  # None: given up because of an interrupt


@dataclass(frozen=True)
class _Signal:
    number: int


class _Run(Generic[W]):
    def __init__(
        self,
        steps: Sequence[Step[W]],
        context: W,
        observers: Sequence[Observer],
        brought_by: Mapping[str, str],
        known: Mapping[str, Look] | None,
        crash_log: Callable[[str], None],
    ) -> None:
        self.steps = {step.key: step for step in steps}
        self.context = context
        self.observers = observers
        self.brought_by = brought_by
        self.crash_log = crash_log
        self.first_looks: Mapping[str, Look] | None = known
        self.events: SimpleQueue[_Said | _Ended | _Signal] = SimpleQueue()
        self.pool = Pool()
        self.stale: set[str] = set()  # steps of whose needs, near or far, one has changed
        self.overdue: dict[str, float] = {}  # when a step under way is given up, by key
        self.given_up = False
        self.result = Result()

    def go(self) -> Result:
        start = time.monotonic()
        for observer in self.observers:
            observer.begin(list(self.steps.values()))
        order = graphlib.TopologicalSorter(
            {step.key: {*step.needs, *(key for key in step.after if key in self.steps)} for step in self.steps.values()}
        )
        order.prepare()
        running: set[str] = set()
        with interrupt.during(lambda number: self.events.put(_Signal(number))):
            if self.first_looks is None:
                self.first_looks = self._look_ahead()
            while order.is_active() and self.result.interrupted is None:
                for key in order.get_ready():
                    running.add(key)
                    self._start(self.steps[key])
                event = self._next_event()
                if isinstance(event, _Ended):
                    if event.key in self.result.outcomes:
                        continue  # it was given up, and has come to rest after all
                    running.discard(event.key)
                    order.done(event.key)
                self._handle(event)
            if self.given_up:
                proc.stop_all()
            if self.result.interrupted is not None:
                self._come_to_rest(running)
        self.pool.close()
        self.result.seconds = time.monotonic() - start
        for observer in self.observers:
            observer.finished(self.result)
        return self.result

    def _look_ahead(self) -> Mapping[str, Look]:
        """Look at all steps at once, so that a run with nothing to do takes one look's time, not their sum."""
        longest = max((step.limit_s for step in self.steps.values()), default=0.0)
        deadline = time.monotonic() + longest
        found: dict[str, Look] = {}
        looks = [functools.partial(self._first_look, step, found) for step in self.steps.values() if not step.check]
        ended = self.pool.all(looks)
        while not ended.wait(0.2) and not interrupt.stop.is_set() and time.monotonic() < deadline:
            continue
        return dict(found)  # what comes later than this is not waited for, nor used

    def _first_look(self, step: Step[W], found: dict[str, Look]) -> None:
        # What cannot be seen yet is looked at again once its needs are done, so errors do not count here.
        try:
            with interrupt.within(step.limit_s):
                found[step.key] = step.look(self.context)
        except (Exception, Interrupted, TimeUp):
            return

    def _start(self, step: Step[W]) -> None:
        missing = [self.steps[key] for key in step.needs if not self.result.outcomes[key].good]
        if missing:
            names = ", ".join(f"{need.number} {need.name}" for need in missing)
            why = f"it needs {names}, which did not succeed"
            # The step that failed says what to do; this one only follows from it.
            cause = missing[0]
            cause_key = self.result.outcomes[cause.key].follows or cause.key
            outcome = Outcome(Status.BLOCKED, why, next=f"mend {cause.number} first", follows=cause_key)
            self.events.put(_Ended(step.key, outcome))
            return
        for observer in self.observers:
            observer.started(step, "checking" if step.check else "looking")
        if any(need in self.stale or self.result.outcomes[need].status is Status.CHANGED for need in step.needs):
            self.stale.add(step.key)
        self.pool.submit(functools.partial(self._work, step))

    def _next_event(self) -> _Said | _Ended | _Signal:
        """What happens next; that a step goes on past its limit and its grace is an event as well."""
        while True:
            with contextlib.suppress(Empty):
                return self.events.get(timeout=LATE_S)
            for key, ends in list(self.overdue.items()):
                if ends < time.monotonic():
                    del self.overdue[key]
                    self.given_up = True
                    step = self.steps[key]
                    return _Ended(key, _timed(tries.too_long(step, at_rest=False), step.limit_s + PATIENCE))

    def _work(self, step: Step[W]) -> None:
        start = time.monotonic()
        self.overdue[step.key] = start + step.limit_s + PATIENCE
        try:
            outcome: Outcome | None = self._bring_about(step)
        except Interrupted:
            outcome = None
        except TimeUp:
            outcome = tries.too_long(step)
        except RunbookError as error:
            status = Status.BLOCKED if error.blocked else Status.FAILED
            outcome = Outcome(status, error.what, code=error.code, why=error.why, next=error.next)
        except Exception as error:
            self.crash_log(redactor(traceback.format_exc()))
            outcome = Outcome(
                Status.FAILED,
                redactor(f"unexpected {type(error).__name__}: {error}"),
                code="RUN-001",
                why="this is a fault of the runbook; the details are in crash.log of the state folder",
                next="run the same command again; if it stays, report the crash log",
            )
        self.overdue.pop(step.key, None)
        if outcome is not None:
            outcome = _timed(outcome, time.monotonic() - start)
        self.events.put(_Ended(step.key, outcome))

    def _bring_about(self, step: Step[W]) -> Outcome:
        def say(text: str) -> None:
            self.events.put(_Said(step.key, redactor(text)))

        with heard_by(say), interrupt.within(step.limit_s):
            return tries.until_good(step, lambda: self._look_act_verify(step, say), say)

    def _look_act_verify(self, step: Step[W], say: Say) -> Outcome:
        look = self._valid_first_look(step) or step.look(self.context)
        if look.state is State.SATISFIED:
            return Outcome(Status.OK, look.evidence)
        if look.state is State.UNAVAILABLE:
            return Outcome(Status.SKIPPED, look.evidence)
        if look.state is State.BLOCKED:
            return Outcome(Status.BLOCKED, look.evidence, next=look.next)
        if step.check:
            return Outcome(
                Status.FAILED,
                look.evidence,
                diff=look.diff,
                code="RUN-005",
                next="read the evidence, then inv status",
            )
        if step.key in self.brought_by:
            return Outcome(
                Status.FAILED,
                look.evidence,
                diff=look.diff,
                code="RUN-007",
                why="what looks and tests changes nothing, so this is not brought about now",
                next=self.brought_by[step.key],
            )
        step.act(self.context, say)
        interrupt.check()
        after = (step.verify or step.look)(self.context)
        if after.satisfied:
            return Outcome(Status.CHANGED, after.evidence, diff=look.diff)
        if after.state is State.BLOCKED:
            return Outcome(Status.BLOCKED, after.evidence, next=after.next)
        return Outcome(
            Status.FAILED,
            f"it was done, but looking again still finds: {after.evidence}",
            diff=after.diff,
            code="RUN-002",
            next="inv plan",
        )

    def _valid_first_look(self, step: Step[W]) -> Look | None:
        """The look made ahead, if nothing this step needs, near or far, has changed since."""
        if step.key in self.stale:
            return None
        look = (self.first_looks or {}).get(step.key)
        # Only good news may be old: before acting, the state is always read afresh.
        return look if look is not None and look.satisfied else None

    def _handle(self, event: _Said | _Ended | _Signal) -> None:
        if isinstance(event, _Signal):
            self.result.interrupted = event.number
        elif isinstance(event, _Said):
            for observer in self.observers:
                observer.said(self.steps[event.key], event.text)
        elif event.outcome is not None:
            self.result.outcomes[event.key] = event.outcome
            for observer in self.observers:
                observer.ended(self.steps[event.key], event.outcome)

    def _come_to_rest(self, running: set[str]) -> None:
        """Stop the children, then give the steps a moment to unwind; a second signal ends the patience."""
        proc.stop_all()
        deadline = time.monotonic() + PATIENCE
        while running and time.monotonic() < deadline:
            try:
                event = self.events.get(timeout=0.2)
            except Empty:
                continue
            if isinstance(event, _Signal):
                return
            if isinstance(event, _Ended):
                running.discard(event.key)
            self._handle(event)


def _timed(outcome: Outcome, seconds: float) -> Outcome:
    from dataclasses import replace

    return replace(outcome, seconds=seconds)
