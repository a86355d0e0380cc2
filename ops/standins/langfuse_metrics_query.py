"""A metrics query: its shape, its dimensions and measures, and what Langfuse refuses."""

from __future__ import annotations

from typing import Literal

import msgspec

from ops.standins.langfuse_filters import (
    NUMBERS,
    STRINGS,
    BadQuery,
    Filter,
    Getter,
    moment,
    tokens_per_second,
    total_tokens,
)
from ops.standins.langfuse_store import Observation

Granularity = Literal["auto", "minute", "hour", "day", "week", "month"]
Aggregation = Literal["count", "sum", "avg", "min", "max", "p50", "p75", "p90", "p95", "p99", "histogram"]
TIME = "time_dimension"
UNBOUNDED = frozenset({"id", "traceId", "userId", "sessionId", "parentObservationId"})
DIMENSIONS: dict[str, Getter] = {
    **{name: STRINGS[name] for name in ("environment", "type", "name", "level", "version", "release")},
    **{name: STRINGS[name] for name in ("traceName", "providedModelName", "promptName")},
    **{name: STRINGS[name] for name in UNBOUNDED},
    "traceRelease": STRINGS["release"],
    "traceVersion": STRINGS["version"],
    "promptVersion": NUMBERS["promptVersion"],
    "isRootObservation": lambda o: o.is_root_observation,
    "startTimeMonth": lambda o: o.start_time.strftime("%Y-%m"),
}


def _ms(seconds: Getter) -> Getter:
    def get(item: Observation) -> float | None:
        value = seconds(item)
        return None if value is None else round(value * 1000, 3)

    return get


def _streaming_s(item: Observation) -> float | None:
    if item.end_time is None or item.completion_start_time is None:
        return None
    return (item.end_time - item.completion_start_time).total_seconds()


def _all_tokens_per_second(item: Observation) -> float | None:
    return total_tokens(item) / item.latency_s if item.latency_s else None


MEASURES: dict[str, Getter] = {
    "count": lambda _: 1,
    "latency": _ms(lambda o: o.latency_s),
    "streamingLatency": _ms(_streaming_s),
    "timeToFirstToken": _ms(lambda o: o.first_token_s),
    "outputTokensPerSecond": tokens_per_second,
    "tokensPerSecond": _all_tokens_per_second,
    **{name: NUMBERS[name] for name in ("inputTokens", "outputTokens", "totalTokens")},
    **{name: NUMBERS[name] for name in ("inputCost", "outputCost", "totalCost")},
}
FILTERED = frozenset({*DIMENSIONS, "tags", "traceTags", "metadata", "startTime", "endTime"})
"""Columns that a metrics query may be filtered by; measures, texts and the status message are refused."""
INTEGERS = frozenset({"count", "inputTokens", "outputTokens", "totalTokens"})


class Field(msgspec.Struct):
    """A dimension to group by."""

    field: str


class Metric(msgspec.Struct):
    """A measure and how its values become one figure."""

    measure: str
    aggregation: Aggregation

    @property
    def alias(self) -> str:
        """The name of the figure in a row."""
        return f"{self.aggregation}_{self.measure}"


class Order(msgspec.Struct):
    """What rows are ordered by."""

    field: str
    direction: Literal["asc", "desc"]


class TimeDimension(msgspec.Struct):
    """The interval of a series over time."""

    granularity: Granularity


class Options(msgspec.Struct):
    """Limits of the answer."""

    bins: int = 10
    row_limit: int | None = None


class Query(msgspec.Struct, rename="camel"):
    """A metrics query as it comes in a request."""

    view: Literal["observations", "scores-numeric", "scores-boolean", "scores-categorical"]
    metrics: list[Metric]
    from_timestamp: str
    to_timestamp: str
    dimensions: list[Field] = msgspec.field(default_factory=list)
    filters: list[Filter] = msgspec.field(default_factory=list)
    time_dimension: TimeDimension | None = None
    order_by: list[Order] | None = None
    config: Options = msgspec.field(default_factory=Options)

    @classmethod
    def parse(cls, raw: str | None) -> Query:
        """Read the ``query`` parameter. Raises BadQuery."""
        try:
            query = msgspec.json.decode(raw or "", type=cls)
        except msgspec.MsgspecError as exc:
            raise BadQuery(f"Invalid query: {exc}") from exc
        query.check()
        return query

    def check(self) -> None:
        """Refuse what Langfuse refuses. Raises BadQuery."""
        if moment(self.from_timestamp) >= moment(self.to_timestamp):
            raise BadQuery("fromTimestamp must be before toTimestamp")
        if self.view != "observations":
            raise BadQuery(f"The stand-in has no view '{self.view}'")
        if not self.metrics:
            raise BadQuery("At least one metric is required")
        for metric in self.metrics:
            if metric.measure not in MEASURES:
                raise BadQuery(f"Invalid measure: {metric.measure}")
        fields = [dimension.field for dimension in self.dimensions]
        for field in fields:
            if field not in DIMENSIONS and field != "tags":
                raise BadQuery(f"Invalid dimension: {field}")
        known = {*fields, TIME, *(metric.alias for metric in self.metrics)}
        for order in self.order_by or []:
            if order.field not in known:
                raise BadQuery(f"Invalid orderBy field: {order.field}")
        if self.config.row_limit is not None and not 1 <= self.config.row_limit <= 1000:
            raise BadQuery("row_limit must be from 1 to 1000")
        descending = any(order.direction == "desc" for order in self.order_by or [])
        unbounded = sorted(UNBOUNDED & set(fields))
        if unbounded and (not self.config.row_limit or not descending or self.time_dimension):
            raise BadQuery(
                f"High cardinality dimension(s) '{', '.join(unbounded)}' need config.row_limit, an orderBy "
                "on a measure with direction 'desc' and no timeDimension"
            )
