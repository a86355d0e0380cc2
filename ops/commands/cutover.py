"""Commands for the team that cuts its agents over: what to set, whether it arrives, the way back. They only look."""

from __future__ import annotations

from typing import Any

from invoke import Context, Exit, Task

from ops.commands.dry import LOOKS
from ops.commands.task import task
from ops.runbook.errors import EXIT_FAILED, RunbookError


def _asked_for(team: str, command: str) -> str:
    """The team's name as given.

    Raises:
        RunbookError: CUT-001 none was given.
    """
    if not team:
        raise RunbookError("CUT-001", "which team?", next=f"inv teams.show, then inv cutover.{command} --team NAME")
    return team


def plan(c: Context, team: str = "", framework: str = "", target: str = "", json: bool = False) -> None:
    """What a team's agents must set, framework by framework: inv cutover.plan --team NAME."""
    from ops.cutover import settings, show
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    made = settings.settings(deployment, _asked_for(team, "plan"), framework)
    print(
        show.plan_document(made, deployment.target_name)
        if json
        else "\n".join(show.plan_lines(made, deployment.target_name))
    )


def verify(c: Context, team: str = "", since: str = "1h", cut: str = "", target: str = "", json: bool = False) -> None:
    """Whether a team's traffic arrives, and how it fares. Exit 0 well, 1 with the reason.

    From traces and the gateway's counters: requests, errors by kind, latency, models, hit rate, last request. With
    --cut TIME before and after that time; --since then says how long before. What cannot be seen is said to be unknown.
    """
    from datetime import UTC, datetime

    from ops.cutover import moments, report
    from ops.cutover.verify import verify as look
    from ops.session.opening import open_deployment

    deployment, now = open_deployment(target), datetime.now(UTC)
    name = _asked_for(team, "verify")
    found = look(deployment, name, moments.span(since), moments.moment(cut, now) if cut else None, now)
    if json:
        print(report.as_json(found, deployment.target_name))
    else:
        print("\n".join(report.lines(found, deployment.stack.success)))
    if not found.good:
        raise Exit(code=EXIT_FAILED)


def back(c: Context, team: str = "", framework: str = "", target: str = "", json: bool = False) -> None:
    """The way back to OpenAI, framework by framework: what to unset."""
    from ops.cutover import settings, show
    from ops.session.opening import open_deployment

    deployment = open_deployment(target)
    made = settings.settings(deployment, _asked_for(team, "back"), framework)
    print(
        show.back_document(made, deployment.target_name)
        if json
        else "\n".join(show.back_lines(made, deployment.target_name))
    )


TEAM = "whose agents, a table [teams.NAME] of stack.toml"
FRAMEWORK = "only this one, e.g. agents-js"
TASKS: tuple[Task[Any], ...] = (
    task(plan, dry=LOOKS, team=TEAM, framework=FRAMEWORK),
    task(
        verify,
        dry=LOOKS,
        team=TEAM,
        since="how far back: 30m, 1h, 2d",
        cut="when the agent was cut over: 2026-11-28T12:00Z",
    ),
    task(back, dry=LOOKS, team=TEAM, framework=FRAMEWORK),
)
