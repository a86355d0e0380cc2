"""What the teams spend: by team, model, route and day, what the caches saved and cost, and the month's end."""

from __future__ import annotations

import calendar
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ops.monitor import counted, traced
from ops.monitor.counted import NANO, Counted
from ops.monitor.figures import Period, day
from ops.monitor.forecast import Forecast, forecast
from ops.monitor.report import CENT, TOLERANCE
from ops.runbook.unseen import Unseen
from ops.services.langfuse import Langfuse
from ops.services.langfuse_accounts import PUBLIC, SECRET
from ops.targets.base import Target
from ops.targets.deployment import Deployment

TIERS = ("exact", "semantic", "alias")


@dataclass(frozen=True)
class Spent:
    """Dollars of a period, by team, model, route and day."""

    teams: Mapping[str, float]
    models: Mapping[str, float]
    routes: Mapping[str, float]
    days: Mapping[str, float]

    @property
    def usd(self) -> float:
        """All of it."""
        return sum(self.teams.values())


@dataclass(frozen=True)
class Costs:
    """What a period cost. None stands for what could not be seen.

    Attributes:
        gateway: the gateway's own count: all that was spent.
        langfuse: what the traces show: the part of it that belongs to a request.
        saved: dollars that answers of a tier would have cost.
        aside: dollars for verdicts, embeddings and checks of hits.
        infrastructure_usd: the stack's estimate of a month.
        limit_usd: the goal for a day; `month_limit_usd` the same over this month's days.
    """

    period: Period
    gateway: Spent | None
    langfuse: Spent | None
    saved: Mapping[str, float] | None
    aside: Mapping[str, float] | None
    month: Forecast | None
    infrastructure_usd: float
    limit_usd: float
    month_limit_usd: float
    unknown: tuple[str, ...]
    disagreements: tuple[str, ...]


def make(deployment: Deployment, since: timedelta, now: datetime, *, infrastructure_usd: float) -> Costs:
    """Look at traces and counts; changes nothing."""
    endpoints, vault, stack = deployment.target.endpoints(), deployment.vault, deployment.stack
    teams = [team.name for team in stack.resolved_teams]
    with Langfuse(endpoints, vault.get(PUBLIC), vault.get(SECRET)) as langfuse:
        return look(
            langfuse,
            deployment.target,
            teams,
            Period.back(since, now),
            now,
            infrastructure_usd,
            stack.success.daily_usd,
        )


def look(
    langfuse: Langfuse,
    target: Target,
    teams: list[str],
    period: Period,
    now: datetime,
    infrastructure_usd: float,
    limit_usd: float,
) -> Costs:
    """The costs, from their two sources. Tests are paid for like anything else, so all teams are in."""
    unknown = Unseen()
    longest = Period.back(timedelta(days=counted.KEPT_DAYS - 1), now)
    own = unknown.look("the gateway's counts", lambda: counted.read(target, longest, now))
    within = _within(own, period) if own else None
    traces = unknown.look("traces", lambda: by_traces(langfuse, teams, period))
    if within and own and own.begin > period.begin:
        unknown.append(f"the gateway's counts before {day(own.begin)}: they are kept {counted.KEPT_DAYS} days")
    days_of_month = calendar.monthrange(now.year, now.month)[1]
    return Costs(
        period=period,
        gateway=by_counts(within, teams, period) if within else None,
        langfuse=traces,
        saved={tier: _usd(within, f"saved:{tier}", teams) for tier in TIERS} if within else None,
        aside={
            "judge": _usd(within, "judge_nano_usd", teams),
            "embeddings": _usd(within, "embedding_nano_usd", teams),
            "checks": _usd(within, "check_nano_usd", teams),
        }
        if within
        else None,
        month=forecast(_known_days(own, teams, now), now) if own else None,
        infrastructure_usd=infrastructure_usd,
        limit_usd=limit_usd,
        month_limit_usd=limit_usd * days_of_month,
        unknown=tuple(unknown),
        disagreements=tuple(_compared(within, traces, teams)) if within and traces else (),
    )


def by_traces(langfuse: Langfuse, teams: list[str], period: Period) -> Spent:
    """What Langfuse shows. Raises RunbookError as `traced.read` does."""
    of: dict[str, dict[str, float]] = {name: defaultdict(float) for name in ("teams", "models", "routes", "days")}
    for row in traced.ask(langfuse, period, ("tags", "providedModelName", "traceName"), cost=True, by="day"):
        usd, team = traced.amount(row, "sum_totalCost") or 0.0, traced.tag(row, "team")
        if team not in teams or not usd:
            continue
        of["teams"][team] += usd
        of["models"][str(row.get("providedModelName") or "none")] += usd
        of["routes"][str(row.get("traceName") or "none")] += usd
        of["days"][str(row.get("time_dimension"))[:10]] += usd
    return Spent(*(dict(each) for each in of.values()))


def by_counts(own: Counted, teams: list[str], period: Period) -> Spent:
    """What the gateways counted; verdicts and checks stand beside the models that answered."""
    spent, models, routes = Counter[str](), Counter[str](), Counter[str]()
    days = Counter[str](dict.fromkeys(period.days(), 0))
    for team, at, _, nano in own.sums("spent_nano_usd", teams):
        spent[team] += nano
        days[at] += nano
    for _, _, name, nano in own.sums("usd:", teams):
        route, _, model = name.partition(":")
        models[model] += nano
        routes[route] += nano
    if aside := spent.total() - models.total():
        models["judge and checks"] = routes["judge and checks"] = aside
    return Spent(*({name: nano / NANO for name, nano in each.items()} for each in (spent, models, routes, days)))


def _known_days(own: Counted, teams: list[str], now: datetime) -> dict[str, float]:
    """Dollars of each day since the first that anything is known of."""
    nano = Counter[str]()
    for _, at, _, value in own.sums("spent_nano_usd", teams):
        nano[at] += value
    first = min((at for hours in own.hours.values() for at in hours), default=now)
    days = Period(first.replace(hour=0), now.astimezone(UTC)).days()
    return {name: nano[name] / NANO for name in days}


def _within(own: Counted, period: Period) -> Counted:
    hours = {
        team: {at: named for at, named in each.items() if period.begin <= at < period.end}
        for team, each in own.hours.items()
    }
    return Counted(hours, own.bounds_s, max(own.begin, period.begin))


def _usd(own: Counted | None, name: str, teams: list[str]) -> float:
    return sum(value for _, _, rest, value in own.sums(name, teams) if not rest) / NANO if own else 0.0


def _compared(own: Counted, traces: Spent, teams: list[str]) -> list[str]:
    found = []
    for team in teams:
        ours, theirs = _usd(own, "traced_nano_usd", [team]), traces.teams.get(team, 0.0)
        if abs(ours - theirs) > max(TOLERANCE * max(ours, theirs), CENT):
            found.append(f"{team}: the gateway spent ${ours:.4f} on requests, Langfuse shows ${theirs:.4f}")
    return found
