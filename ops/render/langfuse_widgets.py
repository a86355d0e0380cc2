"""What the dashboard in Langfuse shows of the success metrics: a widget for each figure, in Langfuse's own words.

Langfuse divides nothing, so a rate is two figures side by side; only pivot tables group by more than one thing. The
name of a request is its route and its team (`chat TEAM`), which is what figures are broken down by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.description.stack import Stack
from ops.services.langfuse_filters import HITS, TYPES, UNCACHED, Filter, among, is_, metadata, untagged

COUNT, DOLLARS, TOKENS = ("count", "count"), ("totalCost", "sum"), ("totalTokens", "sum")
P95 = ("latency", "p95")
ACROSS, WIDE, HIGH = 2, 6, 6  # tiles in a row, and their size on Langfuse's grid of twelve columns


@dataclass(frozen=True)
class Widget:
    """One chart.

    Attributes:
        title: what it is called, after the stack's name.
        says: what it shows, for who reads it.
        chart: one of Langfuse's chart types.
        metrics: measures, each with how its values are put together.
        filters: which observations are in it.
        by: what it is broken down by.
    """

    title: str
    says: str
    chart: str
    metrics: tuple[tuple[str, str], ...]
    filters: tuple[Filter, ...]
    by: tuple[str, ...] = ()

    def body(self, prefix: str) -> dict[str, Any]:
        """As Langfuse's API takes it."""
        return {
            "name": f"{prefix}{self.title}",
            "description": self.says,
            "view": "observations",
            "dimensions": [{"field": name} for name in self.by],
            "metrics": [{"measure": measure, "agg": aggregation} for measure, aggregation in self.metrics],
            "filters": [dict(each) for each in self.filters],
            "chartType": self.chart,
        }


def prefix(stack: Stack) -> str:
    """What the names of all widgets begin with."""
    return f"{stack.stack.name} gateway: "


def title(stack: Stack) -> str:
    """What the dashboard is called."""
    return f"{stack.stack.name} gateway: goals"


def counted(stack: Stack) -> tuple[Filter, ...]:
    """What is on every widget: requests, but those of the teams for tests."""
    tests = [team.name for team in stack.resolved_teams if team.mirrors]
    return among("type", TYPES), *([untagged(tests)] if tests else [])


def wanted(stack: Stack) -> list[Widget]:
    """The widgets, in the order of their tiles, with the goals of the stack in their words."""
    return list(_widgets(stack, counted(stack)))


def _widgets(stack: Stack, counted: tuple[Filter, ...]) -> Iterator[Widget]:
    goals = stack.success
    line, bars, ranked, figure = "LINE_TIME_SERIES", "BAR_TIME_SERIES", "HORIZONTAL_BAR", "NUMBER"
    hits = f"Hit rate = hits / (hits + misses); the goal is over {goals.cache_hit_rate:.0%}."
    yield Widget("cache hits", hits, bars, (COUNT,), (*HITS, *counted))
    yield Widget("cache misses", hits, bars, (COUNT,), (*UNCACHED, *counted))
    slow = f"Milliseconds, of answers that no cache gave; the goal is below {goals.p95_latency_s * 1000:.0f}."
    yield Widget("P95 over time", slow, line, (P95,), (*UNCACHED, *counted))
    yield Widget("P95", slow, figure, (P95,), (*UNCACHED, *counted))
    failed = f"Error rate = ERROR / (ERROR + DEFAULT); WARNING was refused. The goal is below {goals.error_rate:.0%}."
    yield Widget("requests by level", failed, bars, (COUNT,), counted, by=("level",))
    yield Widget(
        "failed requests by route and team", failed, ranked, (COUNT,), (is_("level", "ERROR"), *counted), by=("name",)
    )
    spent = f"The goal is below ${goals.daily_usd:g} a day (UTC): choose a range of days to see them."
    yield Widget("dollars over time", spent, bars, (DOLLARS,), counted)
    yield Widget("dollars by route and team", spent, ranked, (DOLLARS,), counted, by=("name",))
    limited = (is_("level", "WARNING"), metadata("status", "429"), *counted)
    over = f"Requests that a limit of their team refused; the goal is {goals.quota_violations}."
    yield Widget("over a limit by route and team", over, bars, (COUNT,), limited, by=("name",))
    yield Widget(
        "usage by route and team", "Requests, tokens and dollars; answers from a cache cost nothing.", "PIVOT_TABLE",
        (COUNT, TOKENS, DOLLARS), counted, by=("name",),
    )  # fmt: skip


def tiles(ids: Sequence[str]) -> list[Mapping[str, Any]]:
    """Where widgets lie on a dashboard that is made, two in a row; a tile's id is its widget's."""
    return [
        {
            "type": "widget",
            "id": widget,
            "widgetId": widget,
            "x": number % ACROSS * WIDE,
            "y": number // ACROSS * HIGH,
            "width": WIDE,
            "height": HIGH,
        }
        for number, widget in enumerate(ids)
    ]


def same(made: Mapping[str, Any], body: Mapping[str, Any]) -> bool:
    """Whether a widget that is there shows what one that is wanted would."""
    return _shows(made) == _shows(body)


def _shows(widget: Mapping[str, Any]) -> tuple[object, ...]:
    filters = [
        sorted((name, str(value)) for name, value in each.items() if value is not None)
        for each in widget.get("filters") or ()
    ]
    metrics = sorted((str(each.get("measure")), str(each.get("agg"))) for each in widget.get("metrics") or ())
    fields = [each.get("field") for each in widget.get("dimensions") or ()]
    return widget.get("view"), widget.get("chartType"), fields, metrics, sorted(filters)
