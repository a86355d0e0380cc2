"""What Langfuse's metrics API knows of a period: few questions, answered by its own database.

Teams and tiers are the tags of a trace, and a row is given for each set of tags, so one question serves all teams.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ops.monitor.figures import HOUR, Figures, Period, Seen
from ops.runbook.errors import RunbookError
from ops.services.langfuse import Langfuse
from ops.services.langfuse_filters import TYPES, UNCACHED, Filter, among, is_, metadata, tagged

MOST_ROWS = 1000  # of one answer, by its API
HITS = ("exact", "semantic", "alias")
Row = dict[str, Any]


def read(langfuse: Langfuse, teams: Sequence[str], counted: Sequence[str], period: Period) -> Seen:
    """Ask Langfuse for the figures of every team by hour, and for latencies.

    Args:
        teams: all of them.
        counted: those of them that are not for tests.

    Raises:
        RunbookError: LF-001 or WEB-001 it refuses or does not answer, LF-004 it answers what is no figure.
    """
    hours: dict[str, dict[datetime, Figures]] = {team: {} for team in teams}

    def add(row: Row, figures: Figures) -> None:
        team, at = tag(row, "team"), _moment(row.get("time_dimension"))
        if team in hours:
            hours[team][at] = hours[team].get(at, Figures()) + figures

    for row in ask(langfuse, period, ("tags", "level"), cost=True, by="hour"):
        count, level = number(row, "count_count"), row.get("level")
        figures = Figures(requests=count, usd=amount(row, "sum_totalCost") or 0.0)
        figures.errors = count if level == "ERROR" else 0
        figures.refused = count if level == "WARNING" else 0
        figures.hits = count if level == "DEFAULT" and tag(row, "cache") in HITS else 0
        add(row, figures)
    for row in ask(langfuse, period, ("tags",), is_("level", "WARNING"), metadata("status", "429"), by="hour"):
        count = number(row, "count_count")
        add(row, Figures(refused=-count, limited=count))
    for row in ask(langfuse, period, ("tags",), *UNCACHED, by="hour"):
        add(row, Figures(uncached=number(row, "count_count")))
    by_hour = ask(langfuse, period, (), tagged(counted), *UNCACHED, p95=True, by="hour")
    return Seen(
        hours,
        {team: _p95(ask(langfuse, period, (), tagged([team]), *UNCACHED, p95=True)) for team in teams},
        _p95(ask(langfuse, period, (), tagged(counted), *UNCACHED, p95=True)),
        {_moment(row.get("time_dimension")): _p95([row]) for row in by_hour},
    )


def ask(
    langfuse: Langfuse,
    period: Period,
    dimensions: Sequence[str],
    *filters: Filter,
    cost: bool = False,
    p95: bool = False,
    by: str = "",
) -> list[Row]:
    """The rows of one question. A period with more rows than an answer holds is asked for in two halves.

    Args:
        by: hour or day, for a series.
    """
    further = [{"measure": "totalCost", "aggregation": "sum"}] if cost else []
    further += [{"measure": "latency", "aggregation": "p95"}] if p95 else []
    rows = langfuse.metrics(
        {
            "view": "observations",
            "dimensions": [{"field": name} for name in dimensions],
            "metrics": [{"measure": "count", "aggregation": "count"}, *further],
            "filters": [*filters, among("type", TYPES)],
            "timeDimension": {"granularity": by} if by else None,
            "fromTimestamp": _iso(period.begin),
            "toTimestamp": _iso(period.end),
            # Ordered, so that empty hours have no rows.
            "orderBy": [{"field": "time_dimension", "direction": "asc"}] if by else None,
            "config": {"row_limit": MOST_ROWS},
        }
    )
    if len(rows) < MOST_ROWS or not by:
        return rows
    whole = 24 * HOUR if by == "day" else HOUR
    middle = period.begin + (period.span / whole // 2) * whole
    if middle <= period.begin:
        raise RunbookError("LF-004", f"Langfuse has over {MOST_ROWS} rows for one {by}", next="inv explain LF-004")
    halves = (Period(period.begin, middle), Period(middle, period.end))
    again = [ask(langfuse, half, dimensions, *filters, cost=cost, p95=p95, by=by) for half in halves]
    return [row for rows in again for row in rows]


def tag(row: Mapping[str, Any], name: str) -> str:
    """What a row's tags say after `name:`; empty where there is no such tag."""
    found = row.get("tags")
    tags: Iterable[Any] = found if isinstance(found, list) else ()
    return next((str(each).partition(":")[2] for each in tags if str(each).startswith(f"{name}:")), "")


def amount(row: Mapping[str, Any], name: str) -> float | None:
    """A figure, which may come as a string, or nothing. Raises RunbookError LF-004."""
    value = row.get(name)
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        raise RunbookError("LF-004", f"Langfuse gave {value!r} for a figure", next="inv explain LF-004") from None


def number(row: Mapping[str, Any], name: str) -> int:
    """A count."""
    return int(amount(row, name) or 0)


def _p95(rows: Sequence[Row]) -> float | None:
    found = amount(rows[0], "p95_latency") if rows else None
    return None if found is None else found / 1000


def _moment(text: Any) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise RunbookError("LF-004", f"Langfuse gave {text!r} for a time", next="inv explain LF-004") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
