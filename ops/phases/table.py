"""The table of phases and steps: commands, numbers, guides, progress and acceptance are made from it.

A step is one module with a `STEP`, found in the package of its phase. A phase is one package with a `PHASE`, and one
line here.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ops.phases import late
from ops.runbook.errors import is_refusal, refused
from ops.runbook.phase import Phase
from ops.runbook.step import Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

NAMES = ("setup", "build", "deploy", "test", "document")

P = ParamSpec("P")
R = TypeVar("R")


@functools.cache
def phases() -> tuple[Phase[Deployment], ...]:
    """Every phase with its steps, in the order of their numbers."""
    return tuple(sorted(map(_phase, NAMES), key=lambda phase: phase.number))


def phase_named(name: str) -> Phase[Deployment]:
    """The phase of that name."""
    return next(phase for phase in phases() if phase.name == name)


def included(phase: Phase[Deployment]) -> list[Step[Deployment]]:
    """The steps that the phase's `all` command runs, in the order of their numbers."""
    return [step for each in phases() if each.name in (*phase.includes, phase.name) for step in each.steps]


def all_steps(deployment: Deployment) -> dict[str, Step[Deployment]]:
    """Every step of the runbook for a deployment's target, by key, with everything they call imported."""
    steps: list[Step[Deployment]] = [
        *deployment.target.preparation(),
        *(step for phase in phases() for step in phase.steps),
    ]
    late.load(steps)
    extra = deployment.target.extra_needs
    return {
        step.key: replace(
            step,
            needs=(*step.needs, *extra.get(step.key, ())),
            look=with_reasons(step.look),
            act=with_reasons(step.act),
            verify=with_reasons(step.verify) if step.verify else None,
        )
        for step in steps
    }


def with_reasons(function: Callable[P, R]) -> Callable[P, R]:
    """What the system refuses (disk full, no permission) is the operator's to mend, and no fault of the step."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except OSError as error:
            if is_refusal(error):
                raise refused(error) from None
            raise

    return wrapped


def _phase(name: str) -> Phase[Deployment]:
    package = import_module(f"ops.phases.{name}")
    found: Phase[Deployment] = package.PHASE
    steps = (*found.steps, *_steps(package.__name__, package.__path__[0]))
    return replace(found, steps=tuple(sorted(steps, key=lambda step: step.order)))


def _steps(package: str, folder: str) -> Iterator[Step[Deployment]]:
    """The steps of the package's modules. A name that begins with an underscore is a helper's."""
    for file in os.listdir(folder):
        if file.endswith(".py") and not file.startswith("_"):
            step: Step[Deployment] = import_module(f"{package}.{file.removesuffix('.py')}").STEP
            yield step
