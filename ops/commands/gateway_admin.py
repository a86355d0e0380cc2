"""The gateway's admin routes, for operators: live use of limits, the caches, and forgetting."""

from __future__ import annotations

from typing import Any

from ops.runbook import table
from ops.runbook.report import document
from ops.session.opening import open_deployment


def show(what: str, target: str, json: bool) -> None:
    """Print `teams` or `cache`, as a table or as JSON."""
    deployment = open_deployment(target)
    answer = deployment.target.admin("GET", f"/gateway/admin/{what}")
    if json:
        print(document(what, target=deployment.target_name, **{what: answer}))
        return
    for line in (*_table(answer), *_unpaid(answer)):
        print(line)


def purge(team: str, entry: str, target: str) -> str:
    """Forget a team's cached answers, or one entry; returns what was forgotten.

    Raises:
        RunbookError: CLI-004 there is no such team.
    """
    deployment = open_deployment(target)
    body = {"team": deployment.team(team).name, **({"entry": entry} if entry else {})}
    answer = deployment.target.admin("POST", "/gateway/admin/cache/purge", body)
    return f"{answer.get('purged', 0)} entries of {team} forgotten"


def wrong(entry: str, target: str) -> str:
    """Take back an answer found wrong, of whichever team it is; returns what was forgotten.

    Raises:
        RunbookError: GW-001 the gateway did not do it, or the id is none.
    """
    answer = open_deployment(target).target.admin("POST", "/gateway/admin/cache/wrong", {"entry": entry})
    removed = int(answer.get("removed", 0))
    return (
        f"{removed} entries forgotten" if removed else f"nothing is kept under {entry}: it went already, or never was"
    )


def _unpaid(answer: dict[str, Any]) -> list[str]:
    """A sentence for each team whose judge cost more than it saved on the last whole day."""
    teams = answer.get("teams")
    return [
        f"\nThe judge cost team {name} more than it saved yesterday: consider another semantic mode in teams.{name}."
        for name, team in (teams.items() if isinstance(teams, dict) else ())
        if (team.get("judge") or {}).get("pays") is False
    ]


def _table(answer: dict[str, Any]) -> list[str]:
    """A column for each team, a line for each figure; what is no team's stands below, a line each."""
    teams = answer.get("teams", {})
    if isinstance(teams, list):
        teams = {row["name"]: {key: row[key] for key in row if key != "name"} for row in teams}
    flat = {name: _flat("", figures) for name, figures in teams.items()}
    keys = list(dict.fromkeys(key for figures in flat.values() for key in figures))
    rows = [[key, *(figures.get(key, "-") for figures in flat.values())] for key in keys]
    text = table.lines(["", *flat], rows) if flat else []
    others = _flat("", {key: value for key, value in answer.items() if key != "teams"})
    return [*text, *(f"{key}  {value}" for key, value in others.items())]


def _flat(place: str, value: Any) -> dict[str, str]:
    """Nested figures by their path."""
    if isinstance(value, dict):
        found: dict[str, str] = {}
        for key, inner in value.items():
            found |= _flat(f"{place}.{key}" if place else str(key), inner)
        return found
    return {place: _figure(value)}


def _figure(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
