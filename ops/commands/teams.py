"""Commands for the teams: their limits, what they have used of them, and freezing one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from invoke import Context, Task

from ops.commands.dry import LOOKS, Says
from ops.commands.task import task

NAME = "teams"


def teams_show(c: Context, target: str = "", json: bool = False) -> None:
    """Every team's limits and what it has used of them right now."""
    from ops.commands.gateway_admin import show

    show("teams", target, json)


def teams_freeze(c: Context, team: str = "", why: str = "", target: str = "", yes: bool = False) -> None:
    """Refuse a team's requests on all gateways, at once: inv teams.freeze --team NAME.

    For a key that leaked or an agent that runs wild. Its requests get 403, which no SDK tries again, until
    teams.thaw. What is under way is finished. It needs no deploy, and no deploy undoes it.
    """
    from ops.commands.switching import check_team, throw

    name = check_team(team, "freeze", target)
    print(throw({"team": name, "to": "frozen", "why": why}, f"inv teams.freeze --team {name}", target))


def teams_thaw(c: Context, team: str = "", target: str = "", yes: bool = False) -> None:
    """Serve a frozen team again: inv teams.thaw --team NAME."""
    from ops.commands.switching import check_team, throw

    name = check_team(team, "thaw", target)
    print(throw({"team": name, "to": "thawed"}, f"inv teams.thaw --team {name}", target))


def _would(command: str, what: str) -> Callable[..., str]:
    def form(team: str = "", why: str = "", target: str = "") -> str:
        from ops.commands.switching import check_team

        return f"would {command} team {check_team(team, command, target)} on every gateway, at once: {what}"

    return form


TEAM = "whose requests"
TASKS: tuple[Task[Any], ...] = (
    task(teams_show, "show", dry=LOOKS),
    task(
        teams_freeze,
        "freeze",
        dry=Says(_would("freeze", "its requests would get 403")),
        asks=True,
        team=TEAM,
        why="for those who find it so",
    ),
    task(teams_thaw, "thaw", dry=Says(_would("thaw", "its requests would be served")), asks=True, team=TEAM),
)
