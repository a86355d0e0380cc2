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
    for line in _table(answer):
        print(line)


def purge(team: str, entry: str, target: str) -> str:
    """Forget a team's cached answers, or one entry; returns what was forgotten."""
    world = open_world(target)
    body = {"team": team, **({"entry": entry} if entry else {})}
    answer = world.target.admin("POST", "/gateway/admin/cache/purge", body)
    return f"{answer.get('purged', 0)} entries of {team} forgotten"


def _table(answer: dict[str, Any]) -> list[str]:
    """Nested figures as aligned lines: `team.limit  value`."""
    rows: list[tuple[str, str]] = []

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}.{key}" if prefix else str(key), inner)
        else:
            rows.append((prefix, f"{value:g}" if isinstance(value, float) else str(value)))

    walk("", answer)
    width = max((len(name) for name, _ in rows), default=0)
    return [f"{name:<{width}}  {value}" for name, value in rows]
