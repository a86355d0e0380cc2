"""`inv monitor.report` in a terminal or a pipe, and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ops.description.stack import Success
from ops.monitor import plots, trend
from ops.monitor.figures import Figures
from ops.monitor.report import Metric, Report
from ops.runbook.report import document

LABEL, CELL = 17, 15
SHED = "no room for them: errors without a trace"
MARKS = {True: "met", False: "MISSED", None: ""}


def goals(success: Success) -> tuple[float, float, float]:
    """The goals that series are drawn with."""
    return success.cache_hit_rate, success.p95_latency_s, success.error_rate


def lines(report: Report, success: Success) -> Iterator[str]:
    """The metrics against their goals, by team, over time; then what is unknown and what does not agree."""
    yield trend.named(report.period)
    yield ""
    for metric in report.whole:
        why = f"  ({metric.reason})" if metric.value is None else ""
        yield f"{metric.name:<{LABEL}}{metric.shown:<{CELL}}goal {metric.goal:<9}{MARKS[metric.met]}{why}".rstrip()
    sums = report.best.of(*report.production) if report.best else None
    yield f"{'requests':<{LABEL}}{'unknown' if sums is None else sums.requests}"
    if sums and sums.shed:
        yield f"{'shed':<{LABEL}}{sums.shed:<{CELL}}{SHED}"
    yield ""
    yield from _teams(report)
    for series in trend.series(report, goals(success)):
        yield ""
        yield from plots.plot(series)
    if report.unknown or report.disagreements:
        yield ""
    yield from (f"unknown: {reason}" for reason in report.unknown)
    yield from (f"disagree: {reason}" for reason in report.disagreements)
    if not report.disagreements and report.traces and report.counted:
        yield ""
        yield "Langfuse and the gateway's own counts agree within 1%."


def _teams(report: Report) -> Iterator[str]:
    names = [metric.name for metric in report.whole]
    head = {"cache hit rate": "hits", "dollars a day": "$ a day", "over a limit": "over limit"}
    wide = max(len("team"), *(len(_named(report, team)) for team in report.teams)) + 2
    yield f"{'team':<{wide}}{'requests':>9}" + "".join(f"{head.get(name, name):>11}" for name in names)
    for team in report.teams:
        sums = report.best.of(team) if report.best else None
        count = "unknown" if sums is None else str(sums.requests)
        cells = [metric.shown + ("!" if metric.met is False else "") for metric in report.metrics[team]]
        yield f"{_named(report, team):<{wide}}{count:>9}" + "".join(f"{cell:>11}" for cell in cells)
    if tests := [team for team in report.teams if team not in report.production]:
        yield f"(tests: {', '.join(tests)}, in no total; ! a goal is missed)"


def _named(report: Report, team: str) -> str:
    return team if team in report.production else f"({team})"


def as_json(report: Report, target: str) -> str:
    """Everything, as one document; null stands for what could not be seen."""
    best = report.best
    return document(
        "monitor.report",
        target=target,
        **{"from": _iso(report.period.begin), "to": _iso(report.period.end)},
        source="langfuse" if report.traces else "gateway" if report.counted else None,
        metrics=_metrics(report.whole),
        figures=None if best is None else _figures(best.of(*report.production)),
        teams={
            team: {
                "counted": team in report.production,
                "metrics": _metrics(report.metrics[team]),
                "figures": None if best is None else _figures(best.of(team)),
                "gateway": None if report.counted is None else _figures(report.counted.seen().of(team)),
                "langfuse": None if report.traces is None else _figures(report.traces.of(team)),
            }
            for team in report.teams
        },
        hours=None
        if best is None
        else {
            _iso(at): _figures(figures) | {"p95_s": report.traces.p95_hours.get(at) if report.traces else None}
            for at, figures in sorted(best.by_hour(report.production).items())
        },
        unknown=list(report.unknown),
        disagreements=list(report.disagreements),
    )


def _metrics(metrics: tuple[Metric, ...]) -> list[dict[str, Any]]:
    return [asdict(metric) for metric in metrics]


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        **asdict(figures), "usd": round(figures.usd, 9), "hit_rate": figures.hit_rate,
        "error_rate": figures.error_rate,
    }  # fmt: skip


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
