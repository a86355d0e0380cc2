"""A Langfuse and a gateway that hold given requests, for reports."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from ops.description.stack import Success
from ops.monitor import report
from ops.monitor.figures import Period
from ops.monitor.report import Report
from ops.runbook.errors import RunbookError
from ops.standins.langfuse_store import Observation
from ops.targets.base import Target
from tests.cutover.langfuse import Holding, observation, unanswered

NOW = datetime(2026, 11, 28, 20, 30, tzinfo=UTC)
GOALS = Success(cache_hit_rate=0.30, p95_latency_s=2.0, error_rate=0.01, daily_usd=50, quota_violations=0)
TEAMS = ("prod_customer", "prod_ceo", "probe")
PRODUCTION = ("prod_customer", "prod_ceo")
BOUNDS_S = (0.5, 1.0, 2.0, 4.0)
AWAY = RunbookError("WEB-001", "it does not answer")


class Gateway:
    """Answers the admin routes that a report asks, from given hours."""

    def __init__(
        self, hours: dict[str, dict[str, dict[str, int]]] | None, traces: dict[str, int] | None = None
    ) -> None:
        self.hours, self.traces = hours, traces or {"waiting": 0, "lost": 0}
        self.delivery: dict[str, Any] | None = None

    def admin(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask."""
        if self.hours is None:
            raise AWAY
        if path.endswith("/status"):
            return {"traces": self.traces, "delivery": self.delivery}
        return {"teams": {team: self.hours.get(team, {}) for team in TEAMS}, "bounds_s": list(BOUNDS_S)}


class Silent(Holding):
    """A Langfuse that does not answer."""

    def get(self, path: str, query: Any) -> Any:
        """Never."""
        raise AWAY


def hour(at: datetime) -> str:
    """The name of an hour in the gateway's answer."""
    return str(int(at.timestamp()) // 3600)


def traffic(seed: int = 1, days: int = 2) -> list[Observation]:
    """Some requests of two teams over some days, and a limit reached by the tests' team."""
    source, made = random.Random(seed), []
    for number in range(60 * days):
        at = NOW - timedelta(minutes=24 * number + 1)
        hit = source.random() < 0.4
        one = observation(at, source.choice(PRODUCTION), hit=hit, seconds=0.01 if hit else source.uniform(0.2, 3))
        one.cost_details = {"total": 0.0 if hit else 0.01}
        one.tags[1] = "cache:exact" if hit else "cache:miss"
        made.append(one)
    made.append(unanswered(NOW - timedelta(hours=3), "prod_ceo", "ERROR", 502, "broken"))
    made.append(unanswered(NOW - timedelta(hours=3), "prod_ceo", "WARNING", 400, "malformed"))
    made.append(unanswered(NOW - timedelta(hours=3), "probe", "WARNING", 429, "limit reached"))
    return made


def counted_as(observations: Sequence[Observation]) -> dict[str, dict[str, dict[str, int]]]:
    """The same requests, as the gateway counts them."""
    hours: dict[str, dict[str, dict[str, int]]] = {}
    for each in observations:
        team, status = each.metadata["team"], each.metadata["status"]
        if each.level == "DEFAULT":
            name = each.tags[1].partition(":")[2]
        else:
            name = "failed" if each.level == "ERROR" else "limited" if status == "429" else "malformed"
        named = hours.setdefault(team, {}).setdefault(hour(each.start_time), {})
        nano = round((each.total_cost or 0) * 1e9)
        new = {name: 1, "traced_nano_usd": nano, "spent_nano_usd": nano, "usd:chat:gpt-4o-mini": nano}
        if each.level == "DEFAULT" and name == "miss":
            place = sum(bound < (each.latency_s or 0) for bound in BOUNDS_S)
            new |= {"uncached": 1, f"took:{place}": 1}
        for key, value in new.items():
            named[key] = named.get(key, 0) + value
    return hours


def look(langfuse: Holding, gateway: Gateway, since: timedelta = timedelta(hours=48), now: datetime = NOW) -> Report:
    """The report of these two."""
    return report.look(langfuse, cast(Target, gateway), TEAMS, PRODUCTION, Period.back(since, now), now, GOALS)
