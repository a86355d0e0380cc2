"""Dashboards and their widgets: what Langfuse serves under ``/api/public/unstable``, as far as the runbook uses it.

Shapes are those of its OpenAPI description; a field that is not described is refused here, which the service itself
ignores. What it checks beyond its description (one dimension unless it is a pivot table, columns that can be filtered
by, a placement's widget is there) is checked too. Nothing can be changed, only made and deleted.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
from starlette.datastructures import QueryParams

from ops.standins.langfuse_dashboard_bodies import ChartConfig, DashboardBody, Placing, WidgetBody
from ops.standins.langfuse_filters import BadQuery, predicate
from ops.standins.langfuse_metrics_query import DIMENSIONS, MEASURES, UNBOUNDED
from ops.standins.langfuse_store import now_iso

MOST_A_PAGE = 100
TILE = 6
FILTERED = frozenset({
    "traceName", "name", "userId", "sessionId", "metadata", "type", "tags", "providedModelName", "level", "environment",
    "release", "version",
})  # fmt: skip
"""Columns that a widget may be filtered by: fewer than a metrics query."""


Code = Literal[
    "invalid_body", "invalid_query", "invalid_request", "resource_not_found", "conflict", "method_not_allowed"
]


class Refused(Exception):
    """An answer that is an error: its status, its code one of its description's, and what it says."""

    def __init__(self, status: int, code: Code, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


Body = TypeVar("Body", WidgetBody, DashboardBody, Placing)


class Dashboards:
    """What was made, kept in one file.

    Args:
        file: JSON; made with the first change.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        kept = msgspec.json.decode(file.read_bytes()) if file.exists() else {}
        self._widgets: dict[str, dict[str, Any]] = kept.get("widgets", {})
        self._dashboards: dict[str, dict[str, Any]] = kept.get("dashboards", {})

    def clear(self) -> None:
        """Forget all of it."""
        self._widgets, self._dashboards = {}, {}
        self._keep()

    def _keep(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode({"widgets": self._widgets, "dashboards": self._dashboards}))
        new.replace(self._file)

    def answer(self, method: str, path: str, query: QueryParams, body: bytes) -> dict[str, Any]:
        """Handle one request. Raises Refused.

        Args:
            path: below ``unstable/``.
        """
        match (method, *path.split("/")):
            case ("GET", "dashboard-widgets"):
                return _page(self._widgets, query)
            case ("POST", "dashboard-widgets"):
                return self._made(self._widgets, _widget(_read(body, WidgetBody)))
            case ("GET", "dashboard-widgets", id):
                return _one(self._widgets, id)
            case ("DELETE", "dashboard-widgets", id):
                return self._delete_widget(id)
            case ("GET", "dashboards"):
                return _page(self._dashboards, query)
            case ("POST", "dashboards"):
                return self._made(self._dashboards, self._dashboard(_read(body, DashboardBody)))
            case ("GET", "dashboards", id):
                return _one(self._dashboards, id)
            case ("DELETE", "dashboards", id):
                _one(self._dashboards, id)
                return self._deleted(self._dashboards, id, "Dashboard successfully deleted")
            case ("POST", "dashboards", id, "placements"):
                return self._place(_one(self._dashboards, id), _read(body, Placing))
            case (_, "dashboard-widgets" | "dashboards", *_):
                raise Refused(405, "method_not_allowed", "The stand-in cannot change what was made")
        raise Refused(404, "resource_not_found", "Not found")

    def _made(self, among: dict[str, dict[str, Any]], fields: dict[str, Any]) -> dict[str, Any]:
        now = now_iso()
        new = {"id": uuid.uuid4().hex, "createdAt": now, "updatedAt": now, **fields}
        among[new["id"]] = new
        self._keep()
        return new

    def _deleted(self, among: dict[str, dict[str, Any]], id: str, message: str) -> dict[str, Any]:
        del among[id]
        self._keep()
        return {"message": message}

    def _delete_widget(self, id: str) -> dict[str, Any]:
        _one(self._widgets, id)
        if any(tile["widgetId"] == id for each in self._dashboards.values() for tile in each["definition"]["widgets"]):
            raise Refused(409, "conflict", "The widget is placed on a dashboard")
        return self._deleted(self._widgets, id, "Dashboard widget successfully deleted")

    def _dashboard(self, body: DashboardBody) -> dict[str, Any]:
        tiles = body.definition.widgets if body.definition else []
        for tile in tiles:
            self._is_there(tile.widget_id)
        return {
            "name": body.name,
            "description": body.description or "",
            "definition": {"widgets": msgspec.to_builtins(tiles)},
            "filters": msgspec.to_builtins(body.filters or []),
        }

    def _place(self, dashboard: dict[str, Any], asked: Placing) -> dict[str, Any]:
        self._is_there(asked.widget_id)
        tiles = dashboard["definition"]["widgets"]
        if asked.id is not None and any(tile["id"] == asked.id for tile in tiles):
            raise Refused(409, "conflict", f"Placement {asked.id} already exists")
        below = max((tile["y"] + tile["height"] for tile in tiles), default=0)
        usual = {"id": uuid.uuid4().hex, "x": 0, "y": below, "width": TILE, "height": TILE}
        given = {name: value for name, value in msgspec.to_builtins(asked).items() if value is not None}
        tiles.append({**usual, **given})
        dashboard["updatedAt"] = now_iso()
        self._keep()
        return dict(tiles[-1])

    def _is_there(self, widget: str) -> None:
        if widget not in self._widgets:
            raise Refused(404, "resource_not_found", f"Dashboard widget {widget} not found")


def _read(body: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as exc:
        raise Refused(400, "invalid_body", str(exc)) from exc


def _widget(body: WidgetBody) -> dict[str, Any]:
    """The widget, if it can be asked for."""
    if body.view != "observations":
        raise Refused(400, "invalid_request", f"The stand-in has no view '{body.view}'")
    for dimension in body.dimensions:
        if dimension.field in UNBOUNDED or dimension.field not in {*DIMENSIONS, "tags"}:
            raise Refused(400, "invalid_request", f'Dimension "{dimension.field}" is not available for widgets')
    if len(body.dimensions) > 1 and body.chart_type != "PIVOT_TABLE":
        raise Refused(400, "invalid_request", "Only pivot table widgets can have multiple dimensions")
    for metric in body.metrics:
        if metric.measure not in MEASURES or metric.agg == "uniq":
            raise Refused(400, "invalid_request", f'"{metric.agg}" of "{metric.measure}" is not available')
    try:
        predicate(body.filters, FILTERED)
    except BadQuery as exc:
        raise Refused(400, "invalid_request", str(exc)) from exc
    config = body.chart_config or ChartConfig()
    if config.type not in (None, body.chart_type):
        raise Refused(400, "invalid_request", "chartConfig.type must match chartType")
    fields: dict[str, Any] = msgspec.to_builtins(body)
    fields["filters"] = [{k: v for k, v in each.items() if k != "key" or v is not None} for each in fields["filters"]]
    chart = {**msgspec.to_builtins(config), "type": body.chart_type}
    return {**fields, "description": body.description or "", "chartConfig": chart}


def _one(among: dict[str, dict[str, Any]], id: str) -> dict[str, Any]:
    if id not in among:
        raise Refused(404, "resource_not_found", f"{id} not found")
    return among[id]


def _page(among: dict[str, dict[str, Any]], query: QueryParams) -> dict[str, Any]:
    """Most recently updated first."""
    given = query.get("page", "1"), query.get("limit", "50")
    if not all(text.isdigit() and int(text) for text in given) or int(given[1]) > MOST_A_PAGE:
        raise Refused(400, "invalid_query", f"page and limit are whole numbers from 1, limit to {MOST_A_PAGE}")
    page, limit = map(int, given)
    newest = sorted(among.values(), key=lambda each: str(each["updatedAt"]))[::-1]
    meta = {"page": page, "limit": limit, "totalItems": len(newest), "totalPages": -(-len(newest) // limit)}
    return {"data": newest[(page - 1) * limit : page * limit], "meta": meta}
