"""Langfuse's dashboards API: its paths, and a widget it takes."""

from __future__ import annotations

from typing import Any

WIDGETS, DASHBOARDS = "/api/public/unstable/dashboard-widgets", "/api/public/unstable/dashboards"
CHART: dict[str, Any] = {
    "name": "requests",
    "view": "observations",
    "dimensions": [{"field": "name"}],
    "metrics": [{"measure": "count", "agg": "count"}],
    "filters": [{"column": "metadata", "type": "stringObject", "key": "status", "operator": "=", "value": "429"}],
    "chartType": "HORIZONTAL_BAR",
}
