"""What the gateway itself counts of one team, right now; traces arrive seconds later, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
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
        unanswered: since then, by why: limited, malformed, failed, frozen or shed.
        last: when the last request ended, to within some seconds; None without one.
        wrong_keys: requests with a key that no team has; one of them may have been meant for this team.
        own_failures: requests of all teams that failed for a reason of the gateway's own, by the kind of error.
        waiting, lost: traces of all teams that have not reached Langfuse yet, and that never will; None where none
            are sent. These, `wrong_keys` and `own_failures` are of one gateway since its start.
    """

    requests: int
    tokens: int
    usd_today: float
    answers: Mapping[str, int]
    unanswered: Mapping[str, int]
    last: datetime | None
    wrong_keys: int
    own_failures: Mapping[str, int]
    waiting: int | None
    lost: int | None


def read(deployment: Deployment, team: str) -> Counters:
    """Ask a gateway's admin routes.

    Raises:
        RunbookError: GW-001 or the target's own codes when it does not answer, GW-002 when the team is unknown to it.
    """
    teams = deployment.target.admin("GET", "/gateway/admin/teams")
    cache = deployment.target.admin("GET", "/gateway/admin/cache")
    status = deployment.target.admin("GET", "/gateway/admin/status")
    traces: Mapping[str, Any] = status.get("traces") or {}
    try:
        row = next(row for row in teams["teams"] if row["name"] == team)
        used, last = row["used"], row["last_request_s"]
        answers = cache["teams"][team]["answers"]
        return Counters(
            requests=int(used["requests"]),
            tokens=int(used["tokens"]),
            usd_today=float(used["usd_today"]),
            answers=_counts(answers),
            unanswered=_counts(row["unanswered"]),
            last=None if last is None else datetime.fromtimestamp(int(last), UTC),
            wrong_keys=int(status["wrong_keys"]),
            own_failures=_counts(status["own_failures"]),
            waiting=traces.get("waiting"),
            lost=traces.get("lost"),
        )
    except (StopIteration, AttributeError, KeyError, TypeError, ValueError):
        raise RunbookError(
            "GW-002", f"the running gateway tells nothing of team {team}", next="inv deploy.release"
        ) from None


def _counts(given: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): int(count) for name, count in given.items()}
