"""What the gateways themselves counted in a period, hour by hour: it is there even if no trace ever arrived."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate

from ops.monitor.figures import Figures, Period, Seen, day
from ops.runbook.errors import RunbookError
from ops.targets.base import Target

TIERS = ("exact", "semantic", "alias", "miss", "bypass")
HITS = TIERS[:3]
KEPT_DAYS = 35  # by the gateway
NANO = 1_000_000_000


@dataclass(frozen=True)
class Counted:
    """The gateways' own sums.

    Attributes:
        hours: by team, then by the beginning of the hour: named figures, as the gateway keeps them.
        bounds_s: upper bounds of its latency classes, in seconds.
        begin: from when on they are kept.
    """

    hours: Mapping[str, Mapping[datetime, Mapping[str, int]]]
    bounds_s: tuple[float, ...]
    begin: datetime

    def seen(self) -> Seen:
        """The same as Langfuse tells it; latencies are left out, since classes are no percentiles."""
        return Seen({team: {at: figures(named) for at, named in hours.items()} for team, hours in self.hours.items()})

    def p95_between(self, teams: list[str]) -> tuple[float, float] | None:
        """Bounds in seconds between which the 95th percentile of uncached answers lies; None without any."""
        classes = [0] * (len(self.bounds_s) + 1)
        for team in teams:
            for named in self.hours.get(team, {}).values():
                for place in range(len(classes)):
                    classes[place] += named.get(f"took:{place}", 0)
        most = sum(classes)
        if not most:
            return None
        # Of few answers it lies between two that may be of different classes.
        at = 0.95 * (most - 1)
        first, last = _class_of(classes, math.floor(at)), _class_of(classes, math.ceil(at))
        low = self.bounds_s[first - 1] if first else 0.0
        return low, self.bounds_s[last] if last < len(self.bounds_s) else math.inf

    def sums(self, begins: str, teams: list[str]) -> Iterator[tuple[str, str, str, int]]:
        """Figures whose names begin so: the team, the day (UTC), the rest of the name, and the figure."""
        for team in teams:
            for at, named in self.hours.get(team, {}).items():
                for name, value in named.items():
                    if name.startswith(begins):
                        yield team, day(at), name.removeprefix(begins), value


def _class_of(classes: list[int], rank: int) -> int:
    """The class of the answer of this rank, counted from 0."""
    return next(place for place, up_to in enumerate(accumulate(classes)) if up_to > rank)


def figures(named: Mapping[str, int]) -> Figures:
    """One hour of one team."""
    of = {name: named.get(name, 0) for name in (*TIERS, "limited", "malformed", "failed")}
    return Figures(
        requests=sum(of.values()),
        errors=of["failed"],
        refused=of["malformed"],
        limited=of["limited"],
        shed=named.get("shed", 0),
        hits=sum(of[tier] for tier in HITS),
        uncached=named.get("uncached", 0),
        usd=named.get("traced_nano_usd", 0) / NANO,
    )


def read(target: Target, period: Period, now: datetime) -> Counted:
    """Ask a gateway for what all of them counted.

    Raises:
        RunbookError: GW-001 or the target's own codes when it does not answer, GW-002 when it has no such figures.
    """
    days = min(KEPT_DAYS, (now.astimezone(UTC).date() - period.begin.date()).days + 1)
    told = target.admin("POST", "/gateway/admin/history", {"days": str(days)})
    try:
        hours = {
            str(team): {
                at: {str(name): int(value) for name, value in named.items()}
                for hour, named in each.items()
                if period.begin <= (at := datetime.fromtimestamp(int(hour) * 3600, UTC)) < period.end
            }
            for team, each in told["teams"].items()
        }
        bounds = tuple(float(bound) for bound in told["bounds_s"])
    except (AttributeError, KeyError, TypeError, ValueError):
        raise RunbookError(
            "GW-002", "the running gateway keeps no figures by hour", next="inv deploy.release"
        ) from None
    begin = datetime.fromtimestamp((int(now.timestamp()) // 86400 - days + 1) * 86400, UTC)
    return Counted(hours, bounds, max(begin, period.begin))
