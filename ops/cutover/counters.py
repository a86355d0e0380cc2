"""What the gateway itself counts of one team, right now; traces arrive seconds later, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.runbook.errors import RunbookError
from ops.targets.deployment import Deployment


@dataclass(frozen=True)
class Counters:
    """Live figures of a team.

    Attributes:
        requests, tokens: within the last 60 s.
        usd_today: since midnight UTC.
        answers: by cache tier, since the counters began; the tiers are exact, semantic, miss and bypass.
        waiting, lost: traces of all teams that have not reached Langfuse yet, and that never will; of one
            gateway since its start, None where it sends none.
    """

    requests: int
    tokens: int
    usd_today: float
    answers: Mapping[str, int]
    waiting: int | None
    lost: int | None


def read(world: Deployment, team: str) -> Counters:
    """Ask a gateway's admin routes.

    Raises:
        RunbookError: GW-001 or the target's own codes when it does not answer, GW-002 when the team is unknown to it.
    """
    teams = world.target.admin("GET", "/gateway/admin/teams")
    cache = world.target.admin("GET", "/gateway/admin/cache")
    traces: Mapping[str, Any] = world.target.admin("GET", "/gateway/admin/status").get("traces") or {}
    try:
        used = next(row for row in teams["teams"] if row["name"] == team)["used"]
        answers = cache["teams"][team]["answers"]
        return Counters(
            requests=int(used["requests"]),
            tokens=int(used["tokens"]),
            usd_today=float(used["usd_today"]),
            answers={str(tier): int(count) for tier, count in answers.items()},
            waiting=traces.get("waiting"),
            lost=traces.get("lost"),
        )
    except (StopIteration, KeyError, TypeError, ValueError):
        raise RunbookError(
            "GW-002", f"the running gateway tells nothing of team {team}", next="inv deploy.release"
        ) from None
