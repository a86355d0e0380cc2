"""Steps' functions, referred to by module and name: `inv --list` shows the steps without importing what they call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ops.runbook.step import Look, Say, Step

if TYPE_CHECKING:
    from ops.targets.deployment import Deployment

Parts = Callable[["Deployment"], Sequence[Any]]
"""Which parts of a deployment a function is called with."""


def whole(deployment: Deployment) -> Sequence[Any]:
    """The deployment itself, for what needs most of it."""
    return (deployment,)


def look(place: str, parts: Parts = whole) -> Callable[[Deployment], Look]:
    """A look at `module:function`, called with `parts` of the deployment."""

    def late(deployment: Deployment) -> Look:
        answer: Look = resolve(place)(*parts(deployment))
        return answer

    late.__doc__ = place
    return late


def act(place: str, parts: Parts = whole) -> Callable[[Deployment, Say], None]:
    """An act at `module:function`, called with `parts` of the deployment and `say`."""

    def late(deployment: Deployment, say: Say) -> None:
        resolve(place)(*parts(deployment), say)

    late.__doc__ = place
    return late


def load(steps: Iterable[Step[Deployment]]) -> None:
    """Import what the steps will call, one after the other: threads that import at once get in each other's way."""
    for step in steps:
        for function in (step.look, step.act):
            place = function.__doc__ or ""
            if function.__name__ == "late" and ":" in place:
                resolve(place)


def resolve(place: str) -> Callable[..., Any]:
    """The function at `module:function`."""
    module, _, name = place.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function
