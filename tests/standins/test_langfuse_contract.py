"""Every answer of the Langfuse stand-in fits the OpenAPI description of Langfuse v4.16.0."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import httpx
import jsonschema
import msgspec
import pytest
import yaml

from ops.description import read
from ops.render import langfuse_widgets as widgets
from ops.standins import langfuse_dashboard_bodies, langfuse_dashboards
from tests.standins.dashboards import CHART, DASHBOARDS, WIDGETS

CONTRACT = Path(__file__).parents[2] / ".." / "shared" / "contracts" / "langfuse-v4.16.0-openapi.yml"
API = "/api/public/"
ALL_FIELDS = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"
QUERY = {
    "view": "observations",
    "metrics": [{"measure": "count", "aggregation": "count"}],
    "fromTimestamp": "2026-01-01T00:00:00Z",
    "toTimestamp": "2126-01-01T00:00:00Z",
}


def as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 says ``nullable`` where JSON Schema says null, also beside a reference."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: as_json_schema(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") else plain


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    if not CONTRACT.exists():
        pytest.skip("the OpenAPI description is not there: ../shared/contracts/langfuse-v4.16.0-openapi.yml")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    described: dict[str, Any] = yaml.load(CONTRACT.read_text(), Loader=loader)
    return described


def check(contract: dict[str, Any], path: str, method: str, answer: httpx.Response) -> Any:
    """Validate an answer against what the description says of its path, method and status."""
    operation = contract["paths"][path][method]
    described = operation["responses"][str(answer.status_code)]
    schema = described["content"]["application/json"]["schema"]
    whole = {**as_json_schema(schema), "components": {"schemas": as_json_schema(contract["components"]["schemas"])}}
    validator = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
    body = answer.json()
    validator.validate(body)
    return body


def test_the_contract_check_refuses_a_wrong_shape(contract: dict[str, Any]) -> None:
    wrong = httpx.Response(200, json={"data": [{"id": 1}], "meta": {}})
    with pytest.raises(jsonschema.ValidationError):
        check(contract, API + "v2/observations", "get", wrong)


@pytest.mark.parametrize("path", ["health", "projects", "v2/observations", "v3/scores"])
def test_an_answer_without_traces_fits(contract: dict[str, Any], langfuse: httpx.Client, path: str) -> None:
    check(contract, API + path, "get", langfuse.get(API + path))


@pytest.mark.parametrize("fields", [None, "core", ALL_FIELDS])
def test_observations_fit(contract: dict[str, Any], traces: Any, fields: str | None) -> None:
    child = traces.generation(cache_hit=None, level="ERROR")
    traces.send(traces.generation(), {**child, "parentSpanId": "ab" * 8, "attributes": []})
    params = {"limit": "1"} | ({"fields": fields} if fields else {})
    first = check(contract, API + "v2/observations", "get", traces.client.get(API + "v2/observations", params=params))
    params["cursor"] = first["meta"]["cursor"]
    second = check(contract, API + "v2/observations", "get", traces.client.get(API + "v2/observations", params=params))
    assert {first["data"][0]["type"], second["data"][0]["type"]} == {"GENERATION", "SPAN"}


def test_every_field_of_an_observation_is_described_and_every_described_field_is_there(
    contract: dict[str, Any], traces: Any
) -> None:
    traces.send(traces.generation())
    (seen,) = traces.read()
    described = set(contract["components"]["schemas"]["ObservationV2"]["properties"])
    # Seen on the real server: the model stands under another name than the description's.
    assert set(seen) == described - {"providedModelName"} | {"model"}


def test_every_query_parameter_used_is_described(contract: dict[str, Any]) -> None:
    from ops.standins.langfuse_observations import GROUPS, PLAIN_FILTERS

    parameters = contract["paths"][API + "v2/observations"]["get"]["parameters"]
    names = {parameter["name"] for parameter in parameters}
    assert {*PLAIN_FILTERS, "environment", "parentObservationId", "isRootObservation", "filter", "cursor"} <= names
    groups = next(p["description"] for p in parameters if p["name"] == "fields")
    assert all(group in groups for group in GROUPS)


def test_metrics_fit(contract: dict[str, Any], traces: Any) -> None:
    traces.send(traces.generation())
    answer = traces.client.get(API + "v2/metrics", params={"query": json.dumps(QUERY)})
    assert check(contract, API + "v2/metrics", "get", answer)["data"] == [{"count_count": 1}]


def test_every_dimension_and_measure_of_the_contract_is_known(contract: dict[str, Any]) -> None:
    from ops.standins.langfuse_metrics_query import DIMENSIONS, MEASURES, UNBOUNDED

    text = contract["paths"][API + "v2/metrics"]["get"]["description"]
    section = text.split("### observations")[1].split("### scores-numeric")[0]
    dimensions, measures = (
        {line.split("`")[1] for line in part.splitlines() if line.startswith("- `")}
        for part in section.split("**Measures:**")
    )
    assert dimensions == (set(DIMENSIONS) | {"tags"}) - UNBOUNDED
    assert measures - {"countScores"} == set(MEASURES)


def test_traces_scores_and_ingestion_fit(contract: dict[str, Any], traces: Any) -> None:
    client = traces.client
    check(contract, API + "otel/v1/traces", "post", traces.send(traces.generation()))
    scores: list[dict[str, Any]] = [
        {"traceId": "t", "name": "a", "value": 0.5},
        {"traceId": "t", "name": "b", "value": 1, "dataType": "BOOLEAN"},
        {"traceId": "t", "observationId": "o", "name": "c", "value": "good"},
        {"sessionId": "s", "name": "d", "value": "fine", "dataType": "TEXT"},
    ]
    for score in scores:
        check(contract, API + "scores", "post", client.post(API + "scores", json=score))
    listed = client.get(API + "v3/scores", params={"fields": "subject"})
    assert len(check(contract, API + "v3/scores", "get", listed)["data"]) == 4
    batch = [{"id": "1", "type": "trace-create", "body": {}}, {"id": "2", "type": "sdk-log", "body": {}}]
    check(contract, API + "ingestion", "post", client.post(API + "ingestion", json={"batch": batch}))


def test_refusals_are_described(contract: dict[str, Any], langfuse: httpx.Client) -> None:
    wrong = langfuse.get(API + "v2/metrics", params={"query": "{"})
    assert wrong.status_code == 400
    check(contract, API + "v2/metrics", "get", wrong)
    nobody = langfuse.get(API + "projects", auth=("x", "y"))
    assert nobody.status_code == 401
    check(contract, API + "projects", "get", nobody)


BODIES = {
    "unstableCreateDashboardWidgetRequest": langfuse_dashboard_bodies.WidgetBody,
    "unstableCreateDashboardRequest": langfuse_dashboard_bodies.DashboardBody,
    "unstableCreateWidgetPlacement": langfuse_dashboard_bodies.Placing,
    "unstableWidgetPlacement": langfuse_dashboard_bodies.Placement,
    "unstableDashboardWidgetDimension": langfuse_dashboard_bodies.Dimension,
    "unstableDashboardWidgetMetric": langfuse_dashboard_bodies.Metric,
    "unstableDashboardWidgetFilter": langfuse_dashboard_bodies.WidgetFilter,
    "unstableDashboardWidgetChartConfigInput": langfuse_dashboard_bodies.ChartConfig,
    "unstableDashboardWidgetDefaultSort": langfuse_dashboard_bodies.Sort,
    "unstableDashboardDefinition": langfuse_dashboard_bodies.Definition,
}


@pytest.mark.parametrize("name", BODIES)
def test_what_a_dashboards_body_may_and_must_hold_is_as_described(contract: dict[str, Any], name: str) -> None:
    described, fields = contract["components"]["schemas"][name], msgspec.structs.fields(BODIES[name])
    assert {field.encode_name for field in fields} == set(described["properties"])
    assert {field.encode_name for field in fields if field.required} == set(described.get("required", ()))


def test_an_error_of_a_dashboards_request_has_a_code_that_is_described(contract: dict[str, Any]) -> None:
    codes = set(contract["components"]["schemas"]["unstablePublicApiErrorCode"]["enum"])
    assert set(get_args(langfuse_dashboards.Code)) <= codes


def test_the_choices_of_a_widget_are_as_described(contract: dict[str, Any]) -> None:
    schemas = contract["components"]["schemas"]
    for name, choices in (
        ("View", langfuse_dashboard_bodies.View),
        ("ChartType", langfuse_dashboard_bodies.ChartType),
        ("MetricAggregation", langfuse_dashboard_bodies.Aggregation),
    ):
        assert set(get_args(choices)) == set(schemas[f"unstableDashboardWidget{name}"]["enum"])


def test_dashboards_fit(contract: dict[str, Any], langfuse: httpx.Client) -> None:
    widget = check(contract, WIDGETS, "post", langfuse.post(WIDGETS, json=CHART))
    one = langfuse.get(f"{WIDGETS}/{widget['id']}")
    assert check(contract, WIDGETS + "/{widgetId}", "get", one) == widget
    made = check(contract, DASHBOARDS, "post", langfuse.post(DASHBOARDS, json={"name": "goals"}))
    tile = {"type": "widget", "widgetId": widget["id"]}
    placements = f"{DASHBOARDS}/{made['id']}/placements"
    for _ in range(2):
        check(contract, DASHBOARDS + "/{dashboardId}/placements", "post", langfuse.post(placements, json=tile))
    for path in (WIDGETS, DASHBOARDS):
        (listed,) = check(contract, path, "get", langfuse.get(path, params={"limit": "100"}))["data"]
    assert [each["y"] for each in listed["definition"]["widgets"]] == [0, 6]
    assert check(contract, DASHBOARDS + "/{dashboardId}", "get", langfuse.get(f"{DASHBOARDS}/{made['id']}")) == listed
    placed = langfuse.delete(f"{WIDGETS}/{widget['id']}")
    assert check(contract, WIDGETS + "/{widgetId}", "delete", placed)["code"] == "conflict"
    whole = {"name": "again", "definition": listed["definition"]}
    check(contract, DASHBOARDS, "post", langfuse.post(DASHBOARDS, json=whole))
    for each in langfuse.get(DASHBOARDS).json()["data"]:
        gone = langfuse.delete(f"{DASHBOARDS}/{each['id']}")
        check(contract, DASHBOARDS + "/{dashboardId}", "delete", gone)
    check(contract, WIDGETS + "/{widgetId}", "delete", langfuse.delete(f"{WIDGETS}/{widget['id']}"))
    assert langfuse.get(WIDGETS).json()["meta"] == {"page": 1, "limit": 50, "totalItems": 0, "totalPages": 0}


def test_every_widget_of_the_runbook_fits_and_is_taken(contract: dict[str, Any], langfuse: httpx.Client) -> None:
    stack = read.read(Path(__file__).parents[2] / "ops" / "stack.toml", {})
    schemas = as_json_schema(contract["components"]["schemas"])
    whole = {"$ref": "#/components/schemas/unstableCreateDashboardWidgetRequest", "components": {"schemas": schemas}}
    validator = jsonschema.Draft202012Validator(whole)
    for widget in widgets.wanted(stack):
        body = widget.body(widgets.prefix(stack))
        validator.validate(body)
        check(contract, WIDGETS, "post", langfuse.post(WIDGETS, json=body))
