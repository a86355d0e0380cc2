"""The gateway's admin routes, for operators: live use of limits, the caches, and forgetting."""

from __future__ import annotations

from typing import Any

from ops.runbook.report import document
from ops.session import open_world


def show(what: str, target: str, json: bool) -> None:
    """Print `teams` or `cache`, as a table or as JSON."""
    world = open_world(target)
    answer = world.target.admin("GET", f"/gateway/admin/{what}")
    if json:
        print(document(what, target=world.target_name, **{what: answer}))
        return
    for line in (*_table(answer), *_unpaid(answer)):
        print(line)


def purge(team: str, entry: str, target: str) -> str:
    """Forget a team's cached answers, or one entry; returns what was forgotten.

    Raises:
        RunbookError: CLI-004 there is no such team.
    """
    world = open_world(target)
    body = {"team": world.team(team).name, **({"entry": entry} if entry else {})}
    answer = world.target.admin("POST", "/gateway/admin/cache/purge", body)
    return f"{answer.get('purged', 0)} entries of {team} forgotten"


def wrong(entry: str, target: str) -> str:
    """Take back an answer found wrong, of whichever team it is; returns what was forgotten.

    Raises:
        RunbookError: GW-001 the gateway did not do it, or the id is none.
    """
    answer = open_world(target).target.admin("POST", "/gateway/admin/cache/wrong", {"entry": entry})
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
    """Nested figures as aligned lines: `teams.NAME.limits.rpm  100`."""
    rows: list[tuple[str, str]] = []

    def walk(place: str, value: Any) -> None:
        if isinstance(value, list):
            value = {row["name"]: {key: row[key] for key in row if key != "name"} for row in value}
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{place}.{key}" if place else str(key), inner)
        else:
            rows.append((place, _figure(value)))

    walk("", answer)
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {value}" for name, value in rows]


def _figure(value: float | str | bool | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
