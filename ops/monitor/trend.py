"""How the figures of a period went, step by step: by the hour, or by the day where it is long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.monitor.figures import Figures, Period, day
from ops.monitor.report import Report

MOST_HOURS = 72


@dataclass(frozen=True)
class Step:
    """An hour or a day: its label, its sums, and its P95 in seconds where that is known."""

    label: str
    figures: Figures
    p95_s: float | None


@dataclass(frozen=True)
class Series:
    """One figure over time. None: nothing to tell it from."""

    name: str
    unit: str
    labels: tuple[str, ...]
    values: tuple[float | None, ...]
    goal: float | None = None


def steps(report: Report, teams: Sequence[str]) -> tuple[str, list[Step]]:
    """`hour` or `day`, and its steps; none where nothing was seen."""
    if report.best is None:
        return "hour", []
    sums = report.best.by_hour(teams)
    p95 = report.traces.p95_hours if report.traces else {}
    if len(list(report.period.hours())) <= MOST_HOURS:
        return "hour", [Step(f"{at:%m-%d %H:00}", sums.get(at, Figures()), p95.get(at)) for at in report.period.hours()]
    days: dict[str, Figures] = {name: Figures() for name in report.period.days()}
    worst: dict[str, float] = {}
    for at, figures in sums.items():
        days[day(at)] = days.get(day(at), Figures()) + figures
    for at, value in p95.items():
        if value is not None:
            worst[day(at)] = max(worst.get(day(at), 0.0), value)
    return "day", [Step(name[5:], figures, worst.get(name)) for name, figures in days.items()]


def series(report: Report, goals: tuple[float, float, float]) -> list[Series]:
    """The figures a person looks at, over all teams that are not for tests.

    Args:
        goals: for the hit rate, the P95 in seconds, and the error rate.
    """
    by, found = steps(report, report.production)
    if not found:
        return []
    labels = tuple(step.label for step in found)
    hit, p95, errors = goals

    def of(name: str, unit: str, values: list[float | None], goal: float | None = None) -> Series:
        return Series(name, unit, labels, tuple(values), goal)

    each = [step.figures for step in found]
    worst = "P95" if by == "hour" else "P95 of the slowest hour"
    return [
        of(f"requests by {by}", "", [float(f.requests) for f in each]),
        of(f"cache hit rate by {by}", "%", [_times(f.hit_rate) for f in each], 100 * hit),
        of(f"{worst} by {by}", "s", [step.p95_s for step in found], p95),
        of(f"errors by {by}", "%", [_times(f.error_rate) for f in each], 100 * errors),
        of(f"dollars by {by}", "$", [f.usd for f in each]),
    ]


def hours_of_day(report: Report) -> dict[int, Figures]:
    """The sums of each hour of the day (UTC), over all days of the period."""
    made: dict[int, Figures] = {}
    for at, figures in (report.best.by_hour(report.production) if report.best else {}).items():
        made[at.hour] = made.get(at.hour, Figures()) + figures
    return made


def named(period: Period) -> str:
    """A period for a person."""
    return f"{period.begin:%Y-%m-%d %H:%M} to {_minute(period.end)} UTC"


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _times(share: float | None) -> float | None:
    return None if share is None else 100 * share
