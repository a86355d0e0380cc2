"""Kill switches, for operators: a cache tier off or on, a team's key frozen or thawed. At once, without a deploy."""

from __future__ import annotations

from ops.runbook.errors import RunbookError
from ops.session.opening import open_deployment

TIERS = ("exact", "semantic", "all")


def check_tier(tier: str, command: str) -> str:
    """The tier as given to the cache's command "off" or "on".

    Raises:
        RunbookError: CLI-016 there is none of that name, or none was given.
    """
    if tier not in TIERS:
        what = f"there is no cache tier '{tier}'" if tier else "which tier of the cache?"
        raise RunbookError(
            "CLI-016", what, why=f"tiers are {', '.join(TIERS)}", next=f"inv cache.{command} --tier semantic"
        )
    return tier


def check_team(team: str, command: str, target: str) -> str:
    """The team's name. One that is frozen and has left the description since may still be thawed.

    Raises:
        RunbookError: CLI-016 none was given; CLI-004 there is no such team; GW-001 no gateway says who is frozen.
    """
    from ops.checks.switches import ROUTE

    if not team:
        raise RunbookError("CLI-016", "which team?", next=f"inv teams.show, then inv teams.{command} --team NAME")
    deployment = open_deployment(target)
    try:
        return deployment.team(team).name
    except RunbookError:
        if command == "freeze" or f"team.{team}" not in deployment.target.admin("GET", ROUTE).get("thrown", {}):
            raise
    return team


def throw(asked: dict[str, str], command: str, target: str) -> str:
    """Throw a switch or take it back, and write that into the journal; what was done, in words.

    Args:
        asked: what the gateway's route takes.
        command: for the journal.

    Raises:
        RunbookError: GW-001 no gateway did it; RUN-004 the journal cannot be written, and nothing was done.
    """
    from ops.checks.switches import ROUTE
    from ops.runbook.journal import Journal
    from ops.runbook.lock import operator

    deployment = open_deployment(target)
    # Before the act: what cannot be noted is not done, and a gateway that did it without answering is noted too.
    journal = Journal(deployment.paths.state / "journal.jsonl")
    noted = {"who": operator(), "target": deployment.target_name, "command": command, **asked}
    journal.write("switch", state="asked", **noted)
    answer = deployment.target.admin("POST", ROUTE, asked)
    journal.write("switch", state="changed" if answer.get("changed") else "was so before", **noted)
    what = f"team {asked['team']}" if "team" in asked else _tiers(asked["cache"])
    if not answer.get("changed"):
        return f"{what}: {asked['to']} already"
    stays = ", and no deploy undoes it" if asked["to"] in ("off", "frozen") else ""
    return f"{what}: {asked['to']}; every gateway heeds it within two seconds{stays}"


def _tiers(tier: str) -> str:
    return "both caches" if tier == "all" else f"the {tier} cache"
