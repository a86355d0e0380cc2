"""Looks and acts named by where they are: `inv --list` shows the steps without loading their services."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from ops.runbook.step import Look, Say, Step
from ops.world import World


def look(place: str, *more: Any) -> Callable[[World], Look]:
    """A look at `module:function`, called with the world and `more`."""

    def late(world: World) -> Look:
        answer: Look = resolve(place)(world, *more)
        return answer

    late.__doc__ = place
    return late


def act(place: str, *more: Any) -> Callable[[World, Say], None]:
    """An act at `module:function`, called with the world, `say` and `more`."""

    def late(world: World, say: Say) -> None:
        resolve(place)(world, say, *more)

    late.__doc__ = place
    return late


def load(steps: Iterable[Step[World]]) -> None:
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
