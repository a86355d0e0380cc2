"""What clients send to Langfuse's dashboards API: a type for each body, a type for each choice of its description."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ops.standins.langfuse_filters import Filter

Text = Annotated[str, msgspec.Meta(min_length=1)]
ChartType = Literal[
    "LINE_TIME_SERIES", "AREA_TIME_SERIES", "BAR_TIME_SERIES", "HORIZONTAL_BAR", "VERTICAL_BAR", "PIE", "NUMBER",
    "HISTOGRAM", "PIVOT_TABLE",
]  # fmt: skip
Aggregation = Literal["sum", "avg", "count", "max", "min", "p50", "p75", "p90", "p95", "p99", "histogram", "uniq"]
View = Literal["observations", "scores-numeric", "scores-boolean", "scores-categorical"]


class Dimension(msgspec.Struct, forbid_unknown_fields=True):
    """What a widget groups by."""

    field: Text


class Metric(msgspec.Struct, forbid_unknown_fields=True):
    """What a widget shows."""

    measure: Text
    agg: Aggregation


class WidgetFilter(Filter, forbid_unknown_fields=True):
    """One condition."""


class Sort(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """How a pivot table is sorted."""

    column: str
    order: Literal["ASC", "DESC"]


class ChartConfig(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Details of a chart."""

    type: ChartType | None = None
    row_limit: int | None = None
    show_value_labels: bool | None = None
    bins: int | None = None
    defaultSort: Sort | None = None


class WidgetBody(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A widget as it is asked for."""

    name: Text
    view: View
    dimensions: list[Dimension]
    metrics: Annotated[list[Metric], msgspec.Meta(min_length=1)]
    filters: list[WidgetFilter]
    chart_type: ChartType
    description: str | None = None
    chart_config: ChartConfig | None = None


class Placing(msgspec.Struct, forbid_unknown_fields=True, rename="camel", tag="widget", tag_field="type"):
    """A tile as it is asked for; what Langfuse brings along (presets) is not here."""

    widget_id: str
    id: str | None = None
    x: int | None = None
    y: int | None = None
    width: int | None = None
    height: int | None = None


class Placement(msgspec.Struct, forbid_unknown_fields=True, rename="camel", tag="widget", tag_field="type"):
    """A tile of a dashboard."""

    id: str
    widget_id: str
    x: int
    y: int
    width: int
    height: int


class Definition(msgspec.Struct, forbid_unknown_fields=True):
    """The tiles of a dashboard."""

    widgets: list[Placement]


class DashboardBody(msgspec.Struct, forbid_unknown_fields=True):
    """A dashboard as it is asked for."""

    name: Text
    description: str | None = None
    definition: Definition | None = None
    filters: list[WidgetFilter] | None = None
