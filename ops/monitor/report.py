"""The success metrics of a period against their goals: from the traces, and from the gateway's own counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.description.stack import Success
from ops.monitor import counted, traced
from ops.monitor.counted import Counted
from ops.monitor.figures import Figures, Period, Seen
from ops.runbook.unseen import Unseen
from ops.services.langfuse import Langfuse
from ops.services.langfuse_accounts import PUBLIC, SECRET
from ops.targets.base import Target
from ops.targets.deployment import Deployment

TOLERANCE = 0.01
"""The share by which traces and the gateway's counts may differ before it is said."""
CENT = 0.01


@dataclass(frozen=True)
class Metric:
    """One success metric of one team, or of all.

    Attributes:
        value: None where it cannot be told; `reason` says why.
        met: None where it cannot be told.
    """

    name: str
    goal: str
    value: float | None
    shown: str
    met: bool | None
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """What was seen of a period. None stands for a source that could not be read.

    Attributes:
        teams: all of them, in the order of the stack.
        production: those that are not for tests; only they are in the whole.
        unknown: what could not be seen and why, a sentence each.
        disagreements: where the two sources differ by more than `TOLERANCE`, a sentence each.
    """

    period: Period
    teams: tuple[str, ...]
    production: tuple[str, ...]
    traces: Seen | None
    counted: Counted | None
    metrics: dict[str, tuple[Metric, ...]]
    unknown: tuple[str, ...]
    disagreements: tuple[str, ...]

    @property
    def whole(self) -> tuple[Metric, ...]:
        """The metrics of all teams that are not for tests."""
        return self.metrics[""]

    @property
    def best(self) -> Seen | None:
        """The traces, or the gateway's own counts where there are none to be had."""
        return self.traces or (self.counted.seen() if self.counted else None)


def make(deployment: Deployment, since: timedelta, now: datetime) -> Report:
    """Look at traces and counts; changes nothing."""
    endpoints, vault = deployment.target.endpoints(), deployment.vault
    teams = [team.name for team in deployment.stack.resolved_teams]
    production = [team.name for team in deployment.stack.resolved_teams if not team.mirrors]
    with Langfuse(endpoints, vault.get(PUBLIC), vault.get(SECRET)) as langfuse:
        return look(
            langfuse, deployment.target, teams, production, Period.back(since, now), now, deployment.stack.success
        )


def look(
    langfuse: Langfuse,
    target: Target,
    teams: Sequence[str],
    production: Sequence[str],
    period: Period,
    now: datetime,
    goals: Success,
) -> Report:
    """The report, from its two sources."""
    unknown = Unseen()
    traces = unknown.look("traces", lambda: traced.read(langfuse, teams, production, period))
    own = unknown.look("the gateway's counts", lambda: counted.read(target, period, now))
    status = unknown.look("the gateway's traces", lambda: target.admin("GET", "/gateway/admin/status"))
    fates = (status or {}).get("traces") or {}
    if fates.get("lost"):
        unknown.append(f"traces lost on their way since this gateway started: {fates['lost']}")
    if fates.get("waiting"):
        unknown.append(f"traces on their way to Langfuse: {fates['waiting']}; look again in a moment")
    for line in _undelivered((status or {}).get("delivery") or {}):
        unknown.append(line)
    if own is not None and own.begin > period.begin:
        unknown.append(f"the gateway's counts before {own.begin:%Y-%m-%d}: they are kept {counted.KEPT_DAYS} days")
    if traces and own:
        traces = traces.with_shed(own.seen())
    best = traces or (own.seen() if own else None)
    whole = list(production)
    metrics = {"": tuple(_metrics(best, traces, own, whole, period, goals))}
    for team in teams:
        metrics[team] = tuple(_metrics(best, traces, own, [team], period, goals))
    return Report(
        period=period,
        teams=tuple(teams),
        production=tuple(production),
        traces=traces,
        counted=own,
        metrics=metrics,
        unknown=tuple(unknown),
        disagreements=tuple(compare(traces, own, teams)) if traces and own else (),
    )


def _undelivered(found: Mapping[str, Any]) -> Iterator[str]:
    """What the gateway itself found of the traces of the last whole hours."""
    if found.get("failed"):
        yield f"whether traces arrive: {found.get('why')}"
    missing = int(found.get("counted", 0)) - int(found.get("shown", 0))
    if missing > 0:
        begin, end = (f"{datetime.fromtimestamp(int(found[name]), UTC):%H:%M}" for name in ("begin_s", "end_s"))
        yield f"Langfuse lacks {missing} of {found['counted']} traces of {begin} to {end} UTC"


def compare(traces: Seen, own: Counted, teams: Sequence[str]) -> Iterator[str]:
    """Where the two differ by more than the tolerance, over the hours that both know."""
    mine = own.seen()
    for team in teams:
        there = Seen({team: {at: f for at, f in traces.teams.get(team, {}).items() if at >= own.begin}}).of(team)
        here = mine.of(team)
        names = {"requests": "requests", "errors": "errors", "limited": "over a limit", "hits": "cache hits"}
        for name, said in names.items():
            ours, theirs = getattr(here, name), getattr(there, name)
            if _differ(ours, theirs):
                yield f"{team}: the gateway counted {ours} {said}, Langfuse shows {theirs}"
        if _differ(here.usd, there.usd) and abs(here.usd - there.usd) > CENT:
            yield f"{team}: the gateway spent ${here.usd:.4f}, Langfuse shows ${there.usd:.4f}"
        classes, p95 = own.p95_between([team]), traces.p95_s.get(team)
        if classes and p95 is not None and own.begin <= min(traces.teams.get(team, {}), default=own.begin):
            low, high = classes
            if not low * (1 - TOLERANCE) <= p95 <= high * (1 + TOLERANCE):
                yield f"{team}: the gateway's P95 lies between {low:g} and {high:g} s, Langfuse shows {p95:.3g} s"


def _differ(ours: float, theirs: float) -> bool:
    return abs(ours - theirs) > TOLERANCE * max(ours, theirs)


def _metrics(
    best: Seen | None, traces: Seen | None, own: Counted | None, teams: list[str], period: Period, goals: Success
) -> Iterator[Metric]:
    sums = best.of(*teams) if best else None
    nothing = "no request" if sums is not None and not sums.requests else "neither traces nor counts could be read"
    rate = sums.hit_rate if sums else None
    yield _metric(
        "cache hit rate", f"> {goals.cache_hit_rate:.0%}", rate, _percent, lambda v: v > goals.cache_hit_rate,
        nothing if not (sums and sums.requests) else "no answer",
    )  # fmt: skip
    yield _latency(traces, own, teams, goals, nothing)
    yield _metric(
        "errors", f"< {goals.error_rate:.0%}", sums.error_rate if sums else None, _percent,
        lambda v: v < goals.error_rate, nothing if not (sums and sums.requests) else "all were refused",
    )  # fmt: skip
    yield _metric(
        "dollars a day", f"< ${goals.daily_usd:g}", _dearest(best, teams, period), _dollars,
        lambda v: v < goals.daily_usd, nothing,
    )  # fmt: skip
    yield _metric(
        "over a limit", f"{goals.quota_violations}", sums.limited if sums else None, lambda v: f"{v:.0f}",
        lambda v: v <= goals.quota_violations, nothing,
    )  # fmt: skip


def _latency(traces: Seen | None, own: Counted | None, teams: list[str], goals: Success, nothing: str) -> Metric:
    goal = f"< {goals.p95_latency_s:g} s"
    if traces is not None:
        value = traces.p95_s.get(teams[0]) if len(teams) == 1 else traces.p95_all_s
        return _metric("P95", goal, value, lambda v: f"{v:.3g} s", lambda v: v < goals.p95_latency_s, "no answer")
    classes = own.p95_between(teams) if own else None
    if classes is None:
        return Metric("P95", goal, None, "unknown", None, nothing)
    low, high = classes
    met = True if high <= goals.p95_latency_s else False if low >= goals.p95_latency_s else None
    return Metric("P95", goal, high, f"{low:g} to {high:g} s", met, "only classes are known")


def _dearest(best: Seen | None, teams: list[str], period: Period) -> float | None:
    """The dollars of the dearest day: a goal for each day is missed if one day misses it."""
    days: dict[str, float] = dict.fromkeys(period.days(), 0.0)
    if best is None:
        return None
    for at, figures in best.by_hour(teams).items():
        name = f"{at:%Y-%m-%d}"
        days[name] = days.get(name, 0.0) + figures.usd
    return max(days.values(), default=0.0)


def _metric(
    name: str,
    goal: str,
    value: float | None,
    show: Callable[[float], str],
    meets: Callable[[float], bool],
    reason: str,
) -> Metric:
    if value is None:
        return Metric(name, goal, None, "unknown" if "read" in reason else "-", None, reason)
    return Metric(name, goal, value, show(value), meets(value))


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _dollars(value: float) -> str:
    return f"${value:.2f}" if value >= CENT or not value else f"${value:.6f}"


def by_day(report: Report, teams: Sequence[str]) -> dict[str, Figures]:
    """The sums of each day (UTC) of the period."""
    made = {name: Figures() for name in report.period.days()}
    for at, figures in (report.best.by_hour(teams) if report.best else {}).items():
        name = f"{at:%Y-%m-%d}"
        made[name] = made.get(name, Figures()) + figures
    return made
