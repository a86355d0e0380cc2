"""The step: look, act, verify. Everything the runbook does is made of these."""

from __future__ import annotations

import contextlib
import contextvars
import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

W = TypeVar("W", contravariant=True)
Say = Callable[[str], None]


class State(enum.Enum):
    """What a look found."""

    SATISFIED = "satisfied"
    MISSING = "missing"
    DRIFTED = "drifted"
    UNKNOWN = "unknown"
    UNAVAILABLE = "unavailable"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Look:
    """The answer of a look.

    Attributes:
        state: what was found.
        evidence: one line a person can check: a name, a version, a count; never a secret.
        diff: for DRIFTED, the readable difference (a unified diff or `have → want` lines).
        until: for UNKNOWN, the number of the step after which it can be known.
        next: exactly what a person must give and where to put it: for BLOCKED, and for MISSING what remains when the
            act has done its part.
    """

    state: State
    evidence: str
    diff: str = ""
    until: str = ""
    next: str = ""

    @property
    def satisfied(self) -> bool:
        """Whether nothing is left to do."""
        return self.state is State.SATISFIED


def satisfied(evidence: str) -> Look:
    """It is as wanted."""
    return Look(State.SATISFIED, evidence)


def missing(evidence: str, next: str = "") -> Look:
    """It is not there yet; `next` says what a person must give, beside what the act brings."""
    return Look(State.MISSING, evidence, next=next)


def drifted(evidence: str, diff: str = "") -> Look:
    """It is there, but different from what is wanted."""
    return Look(State.DRIFTED, evidence, diff=diff)


def unknown(evidence: str, until: str) -> Look:
    """It cannot be known before step `until` has been done."""
    return Look(State.UNKNOWN, evidence, until=until)


def unavailable(reason: str) -> Look:
    """This target has no such thing; the step is skipped with this reason."""
    return Look(State.UNAVAILABLE, reason)


def blocked(evidence: str, next: str) -> Look:
    """Only a person can give what is missing; `next` says what and where."""
    return Look(State.BLOCKED, evidence, next=next)


class Status(enum.Enum):
    """How a step ended."""

    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    FAILED = "failed"
    BLOCKED = "blocked"


@dataclass(frozen=True)
class Outcome:
    """A step's end: status, evidence, and for what did not go well, why and what to do next.

    `follows` is the key of the step it needs that did not succeed: then only that one is to be mended.
    `tries` is how often it was begun, by its retry rule.
    """

    status: Status
    evidence: str
    seconds: float = 0.0
    diff: str = ""
    code: str = ""
    why: str = ""
    next: str = ""
    follows: str = ""
    tries: int = 1

    @property
    def good(self) -> bool:
        """Whether the step neither failed nor waits for a person; a skipped one is good."""
        return self.status not in (Status.FAILED, Status.BLOCKED)


_voice: contextvars.ContextVar[Say | None] = contextvars.ContextVar("voice", default=None)


@contextlib.contextmanager
def heard_by(listener: Say) -> Iterator[None]:
    """While inside, `say` on this thread reaches `listener`."""
    token = _voice.set(listener)
    try:
        yield
    finally:
        _voice.reset(token)


def say(text: str) -> None:
    """Report progress of the step running on this thread; silent where nobody listens (a plan)."""
    listener = _voice.get()
    if listener is not None:
        listener(text)


def _nothing(context: object, say: Say) -> None:
    return None


@dataclass(frozen=True)
class Criterion:
    """A line of the acceptance checklist that a step answers for.

    Attributes:
        group: the heading it stands under.
        place: its place below that heading.
        text: what is claimed; ``{stack...}`` is filled in from the description.
        also: keys of further steps that must be as wanted for the line to hold.
    """

    group: str
    place: int
    text: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Retry:
    """When a step that failed is tried again: for errors that pass by themselves.

    Attributes:
        codes: of these errors; any other is final at once.
        times: how often at most, after the first try.
        pause_s: seconds before each further try.
    """

    codes: tuple[str, ...] = ()
    times: int = 2
    pause_s: float = 3.0


LIMIT_S = 1800.0


@dataclass(frozen=True)
class Step(Generic[W]):
    """One numbered step of the runbook.

    Attributes:
        number: as in the runbook, e.g. "3.2"; sub-steps as "3.3.1".
        key: stable name other steps need it by, e.g. "deploy.secrets".
        name: what an operator reads.
        purpose: one line, why it exists.
        look: reads the real state, cheaply and without side effect.
        act: makes it so; only called after a look that was not satisfied; safe to be killed and repeated.
        verify: looks again after act; by default `look` itself.
        needs: keys of the steps that must be done first.
        after: keys of steps it waits for when they are part of the run; it neither brings them in nor needs
            them to succeed.
        check: a test instead of a change: it has no act; `look` itself runs it and anything but
            SATISFIED or UNAVAILABLE is a failure. Plans list it without running it.
        effect: what its act does to whoever uses production, asked about beforehand; empty where it only writes
            into the checkout.
        criteria: the lines of the acceptance checklist that it answers for.
        limit_s: seconds it may take, all tries together; then it is stopped and has failed (RUN-008).
        retry: for which errors it is tried again; by default for none.
    """

    number: str
    key: str
    name: str
    purpose: str
    look: Callable[[W], Look]
    act: Callable[[W, Say], None] = _nothing
    verify: Callable[[W], Look] | None = None
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    check: bool = False
    effect: str = ""
    criteria: tuple[Criterion, ...] = ()
    limit_s: float = LIMIT_S
    retry: Retry = Retry()

    @property
    def phase(self) -> int:
        """The phase its number begins with."""
        return int(self.number.split(".", 1)[0])

    @property
    def order(self) -> tuple[int, ...]:
        """Sort key: 3.10 comes after 3.9."""
        return tuple(int(part) for part in self.number.split("."))
