"""Dashboards of the Langfuse stand-in: what it refuses, and what it keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.standins.dashboards import CHART, DASHBOARDS, WIDGETS


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "red"},
        {"view": "traces"},
        {"chartType": "line"},
        {"metrics": []},
        {"metrics": [{"measure": "count", "aggregation": "count"}]},
        {"metrics": [{"measure": "hitRate", "agg": "avg"}]},
        {"dimensions": [{"field": "traceId"}]},
        {"dimensions": [{"field": "name"}, {"field": "level"}]},
        {"filters": [{"column": "statusMessage", "type": "string", "operator": "starts with", "value": "limit"}]},
        {"filters": [{"column": "level", "type": "string", "operator": "<>", "value": "ERROR"}]},
        {"filters": [{"column": "level", "type": "string", "operator": "=", "value": "ERROR", "not": True}]},
        {"chartConfig": {"type": "PIE"}},
        {"name": ""},
    ],
    ids=str,
)
def test_a_widget_that_cannot_be_asked_for_is_refused(langfuse: httpx.Client, wrong: dict[str, Any]) -> None:
    """L4 for widgets: what the metrics API refuses, and what Langfuse's editor does not offer."""
    refused = langfuse.post(WIDGETS, json={**CHART, **wrong})
    assert refused.status_code == 400
    assert refused.json()["code"] in ("invalid_body", "invalid_request")
    assert langfuse.get(WIDGETS).json()["data"] == []


def test_dashboards_outlive_the_stand_in_and_nobody_else_sees_them(
    start: Any, langfuse_env: dict[str, str], tmp_path: Path
) -> None:
    auth = langfuse_env["LANGFUSE_PUBLIC_KEY"], langfuse_env["LANGFUSE_SECRET_KEY"]
    ids = []
    for _ in range(2):
        server = start("langfuse", env=langfuse_env, state=tmp_path)
        with httpx.Client(base_url=server.url, auth=auth, timeout=20) as client:
            client.post(WIDGETS, json=CHART).raise_for_status()
            ids.append({each["id"] for each in client.get(WIDGETS).json()["data"]})
            assert client.get(WIDGETS, auth=("x", "y")).status_code == 401
        server.stop()
    assert len(ids[1]) == 2
    assert ids[0] < ids[1]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", WIDGETS + "?limit=101", None, 400),
        ("GET", DASHBOARDS + "?page=0", None, 400),
        ("GET", WIDGETS + "/nothing", None, 404),
        ("POST", DASHBOARDS + "/nothing/placements", {"type": "widget", "widgetId": "w"}, 404),
        ("POST", DASHBOARDS, {"name": "x", "definition": {"widgets": [
            {"type": "widget", "id": "t", "widgetId": "nothing", "x": 0, "y": 0, "width": 6, "height": 6}]}}, 404),
        ("PATCH", DASHBOARDS + "/nothing", {"name": "x"}, 405),
        ("GET", "/api/public/unstable/evaluators", None, 404),
    ],
)  # fmt: skip
def test_what_is_not_there_or_not_served_is_said(
    langfuse: httpx.Client, method: str, path: str, body: Any, status: int
) -> None:
    assert langfuse.request(method, path, json=body).status_code == status


def test_a_tile_that_is_there_cannot_be_put_there_again(langfuse: httpx.Client) -> None:
    widget = langfuse.post(WIDGETS, json=CHART).json()["id"]
    dashboard = langfuse.post(DASHBOARDS, json={"name": "goals"}).json()["id"]
    tile = {"type": "widget", "id": "one", "widgetId": widget}
    answers = [langfuse.post(f"{DASHBOARDS}/{dashboard}/placements", json=tile) for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 409]
