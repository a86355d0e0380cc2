"""`inv --dry`: a command says what it would do, or is refused. One guard, at the executor."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from invoke import Call, Context, Exit, Task

from ops.runbook.errors import EXIT_BLOCKED, EXIT_FAILED, EXIT_OK, EXIT_PENDING, RunbookError

WORST_FIRST = (EXIT_FAILED, EXIT_BLOCKED, EXIT_PENDING, EXIT_OK)


@dataclass(frozen=True)
class Looks:
    """The command only looks: under --dry it does what it always does.

    Attributes:
        but: options that name a file to be written; under --dry they are left out, which is said.
    """

    but: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plans:
    """The command runs steps: under --dry their plan is shown.

    Attributes:
        keys: the steps' keys, from the command's options.
        leaves: steps that are needed and would not be acted on, likewise.
        target: where the command always runs; empty where --target says it.
    """

    keys: Callable[..., Sequence[str]]
    leaves: Callable[..., Collection[str]] = lambda **options: ()
    target: str = ""


@dataclass(frozen=True)
class Says:
    """The command acts, and has a form with the same options that only says what it would do; that is printed."""

    form: Callable[..., str]


Dry = Looks | Plans | Says
LOOKS = Looks()


class Command(Task[Any]):
    """A task that has declared what it is under --dry; one that has not (None) is refused there."""

    dry: Dry | None = None


def forms(calls: Iterable[Call], codes: list[int]) -> list[Call]:
    """The dry forms of a command line. Steps asked for by several commands are planned together.

    Args:
        calls: as Invoke would run them.
        codes: receives the exit code of each; none of them keeps the next from being run.

    Raises:
        RunbookError: CLI-009 a command has no dry form.
    """
    calls = list(calls)
    for call in calls:
        if getattr(call.task, "dry", None) is None:
            raise RunbookError(
                "CLI-009",
                f"{call.called_as} cannot be tried with --dry",
                why="it changes something and has no form that only says what; nothing was done",
                next=f"inv --help {call.called_as}",
            )
    plans: list[tuple[Plans, Call]] = []
    formed = []
    for call in calls:
        dry = getattr(call.task, "dry", None)
        if isinstance(dry, Plans):
            if not plans:
                formed.append(_made(_plan_of(plans), call, codes))
            plans.append((dry, call))
        elif isinstance(dry, Says):
            formed.append(_made(_said_by(dry), call, codes))
        elif isinstance(dry, Looks):
            formed.append(_made(_looking(dry, call), call, codes))
    return formed


def worst(codes: Sequence[int]) -> int:
    """One exit code for several commands: that of an error before a person's turn, before pending changes."""
    return next((code for code in WORST_FIRST if code in codes), max(codes, default=EXIT_OK))


def _made(body: Callable[..., Any], call: Call, codes: list[int]) -> Call:
    def form(c: Context, *arguments: Any, **options: Any) -> None:
        try:
            body(c, *arguments, **options)
        except Exit as end:
            codes.append(end.code)

    task = Command(form, name=call.task.name)
    task.dry = LOOKS
    return Call(task, called_as=call.called_as, args=call.args, kwargs=call.kwargs)


def _looking(dry: Looks, call: Call) -> Callable[..., None]:
    def look(c: Context, **options: Any) -> None:
        for name in dry.but:
            if file := options.pop(name, ""):
                print(f"--dry: {file} is not written", file=sys.stderr)
        call.task.body(c, **options)

    return look


def _said_by(dry: Says) -> Callable[..., None]:
    def say(c: Context, **options: Any) -> None:
        options.pop("yes", None)  # there is nothing to say yes to
        print(dry.form(**options))

    return say


def _plan_of(plans: Sequence[tuple[Plans, Call]]) -> Callable[..., None]:
    """One plan for the steps of all these calls."""

    def plan(c: Context, **own: Any) -> None:
        from ops.session.planning import show_plan

        targets: dict[str, dict[str, None]] = {}
        leaving: set[str] = set()
        for dry, call in plans:
            target = dry.target or str(call.kwargs.get("target", ""))
            targets.setdefault(target, {}).update(dict.fromkeys(dry.keys(**call.kwargs)))
            leaving.update(dry.leaves(**call.kwargs))
        json = any(call.kwargs.get("json") for _, call in plans)
        code = worst([show_plan(list(keys), target, json, leaving) for target, keys in targets.items()])
        if code:
            raise Exit(code=code)

    return plan
