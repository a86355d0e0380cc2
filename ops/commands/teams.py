"""Commands for the teams: their limits, and what they have used of them."""

from __future__ import annotations

from typing import Any

from invoke import Context, Task

from ops.commands.dry import LOOKS
from ops.commands.task import task

NAME = "teams"


def teams_show(c: Context, target: str = "", json: bool = False) -> None:
    """Every team's limits and what it has used of them right now."""
    from ops.commands.gateway_admin import show

    show("teams", target, json)


TASKS: tuple[Task[Any], ...] = (task(teams_show, "show", dry=LOOKS),)
