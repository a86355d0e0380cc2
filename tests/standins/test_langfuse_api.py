"""The public API of the Langfuse stand-in: reading back, counting, scores, refusals."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

API = "/api/public/"
GENERATIONS = {"column": "type", "type": "string", "operator": "=", "value": "GENERATION"}
NO_ERRORS = {"column": "level", "type": "stringOptions", "operator": "none of", "value": ["ERROR"]}
COUNT = {"measure": "count", "aggregation": "count"}


def cached(value: str) -> dict[str, str]:
    return {"column": "metadata", "type": "stringObject", "key": "cache_hit", "operator": "=", "value": value}


def measure(client: httpx.Client, *filters: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    query = {
        "view": "observations",
        "metrics": [COUNT],
        "filters": [GENERATIONS, *filters],
        "fromTimestamp": (now - timedelta(days=7)).isoformat(),
        "toTimestamp": (now + timedelta(minutes=1)).isoformat(),
        **more,
    }
    answer = client.get(API + "v2/metrics", params={"query": json.dumps(query)})
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows


@pytest.mark.parametrize("path", ["projects", "v2/observations", "v2/metrics", "v3/scores", "traces"])
@pytest.mark.parametrize("auth", [None, ("pk-lf-x", "sk-lf-x"), "half"])
def test_reading_needs_the_key_pair(langfuse: httpx.Client, langfuse_env: Any, path: str, auth: Any) -> None:
    if auth == "half":
        auth = ("pk-lf-other", langfuse_env["LANGFUSE_SECRET_KEY"])
    answer = httpx.get(str(langfuse.base_url) + API + path, auth=auth, timeout=10)
    assert answer.status_code == 401
    assert set(answer.json()) == {"error", "message"}


@pytest.mark.parametrize(
    "path", ["traces", "traces/x", "observations", "observations/x", "sessions", "scores", "v2/scores", "metrics"]
)
def test_what_v3_could_read_is_a_404(langfuse: httpx.Client, path: str) -> None:
    assert langfuse.get(API + path).status_code == 404
    assert langfuse.get(API + "metrics/daily").status_code == 404


def test_without_fields_only_core_and_basic_come(traces: Any) -> None:
    traces.send(traces.generation())
    (seen,) = traces.client.get(API + "v2/observations").json()["data"]
    assert {"id", "traceId", "startTime", "name", "level"} <= set(seen)
    assert not {"usageDetails", "metadata", "input", "latency", "tags"} & set(seen)


def test_pages_hold_every_observation_once_newest_first(traces: Any) -> None:
    now = time.time()
    spans = [traces.generation(start_s=now - age // 2) for age in range(7)]
    traces.send(*spans)
    seen: list[dict[str, Any]] = []
    params: dict[str, Any] = {"limit": 3}
    while True:
        page = traces.client.get(API + "v2/observations", params=params).json()
        seen += page["data"]
        if "cursor" not in page["meta"]:
            break
        params["cursor"] = page["meta"]["cursor"]
    assert len(seen) == 7
    assert {o["id"] for o in seen} == {span["spanId"] for span in spans}
    assert [o["startTime"] for o in seen] == sorted((o["startTime"] for o in seen), reverse=True)


def test_long_metadata_is_cut_unless_asked_for(traces: Any) -> None:
    traces.send(traces.generation(**{"langfuse.observation.metadata.note": "x" * 300}))
    assert len(traces.read()[0]["metadata"]["note"]) == 200
    assert len(traces.read(expandMetadata="note")[0]["metadata"]["note"]) == 300


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"userId": "customer-1"}, True),
        ({"userId": "customer-2"}, False),
        ({"sessionId": "session-1", "type": "GENERATION", "level": "DEFAULT"}, True),
        ({"environment": ["other", "default"]}, True),
        ({"environment": "other"}, False),
        ({"isRootObservation": "false"}, False),
        ({"fromStartTime": "2020-01-01T00:00:00Z", "toStartTime": "2100-01-01T00:00:00Z"}, True),
        ({"toStartTime": "2020-01-01T00:00:00Z"}, False),
        ({"filter": [{"column": "tags", "type": "arrayOptions", "operator": "any of", "value": ["rehearsal"]}]}, True),
        (
            {"filter": [{"column": "tags", "type": "arrayOptions", "operator": "none of", "value": ["rehearsal"]}]},
            False,
        ),
        ({"filter": [{"column": "latency", "type": "number", "operator": ">", "value": 0.4}]}, True),
        ({"filter": [{"column": "totalCost", "type": "number", "operator": ">", "value": 1}]}, False),
        ({"filter": [cached("false")]}, True),
        ({"filter": [cached("true")]}, False),
        ({"filter": [{"column": "release", "type": "null", "operator": "is null"}]}, True),
        ({"filter": [{"column": "name", "type": "string", "operator": "starts with", "value": "litellm:"}]}, True),
    ],
)
def test_filters_select(traces: Any, query: dict[str, Any], found: bool) -> None:
    traces.send(traces.generation())
    if isinstance(query.get("filter"), list):
        query = {"filter": json.dumps(query["filter"])}
    assert bool(traces.read(**query)) is found


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"cursor": "x"},
        {"parseIoAsJson": "true"},
        {"fromStartTime": "yesterday"},
        {"filter": "{"},
        {"filter": json.dumps([{"column": "level", "type": "string", "operator": "<>", "value": "ERROR"}])},
        {"filter": json.dumps([{"column": "metadata", "type": "string", "operator": "=", "value": "x"}])},
        {"filter": json.dumps([{"column": "tags", "type": "string", "operator": "=", "value": "x"}])},
        {"filter": json.dumps([{"column": "colour", "type": "string", "operator": "=", "value": "x"}])},
    ],
)
def test_a_query_langfuse_refuses_is_a_400(langfuse: httpx.Client, query: dict[str, str]) -> None:
    assert langfuse.get(API + "v2/observations", params=query).status_code == 400


def test_the_figures_of_the_monitoring_recipes_come_out(traces: Any) -> None:
    misses = [traces.generation(took_s=s, cost=0.25) for s in (0.1, 0.2, 0.3, 0.4, 2.0)]
    hits = [traces.generation(took_s=0.002, cache_hit=True, cost=0.0) for _ in range(3)]
    errors = [traces.generation(cache_hit=None, level="ERROR", cost=0.0) for _ in range(2)]
    traces.send(*misses, *hits, *errors)
    client = traces.client
    assert measure(client) == [{"count_count": 10}]
    assert measure(client, cached("true")) == [{"count_count": 3}]
    assert measure(client, cached("false")) == [{"count_count": 5}]
    error = {"column": "level", "type": "string", "operator": "=", "value": "ERROR"}
    assert measure(client, error) == [{"count_count": 2}]
    (row,) = measure(client, NO_ERRORS, cached("false"), metrics=[{"measure": "latency", "aggregation": "p95"}])
    assert row["p95_latency"] == pytest.approx(1680)
    (row,) = measure(client, metrics=[{"measure": "totalCost", "aggregation": "sum"}])
    assert row["sum_totalCost"] == pytest.approx(1.25)
    (row,) = measure(client, cached("true"), metrics=[{"measure": "totalTokens", "aggregation": "sum"}])
    assert row == {"sum_totalTokens": 30}


def test_a_series_by_day_has_rows_without_a_sum_where_nothing_happened(traces: Any) -> None:
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    for days in (1, 3):
        traces.send(traces.generation(start_s=(today - timedelta(days=days)).timestamp()))
    rows = measure(
        traces.client,
        metrics=[{"measure": "totalCost", "aggregation": "sum"}],
        timeDimension={"granularity": "day"},
        fromTimestamp=(today - timedelta(days=4)).isoformat(),
        toTimestamp=today.isoformat(),
    )
    dates = [(today - timedelta(days=days)).date().isoformat() for days in (4, 3, 2, 1)]
    assert [row["time_dimension"] for row in rows] == dates
    assert [row["sum_totalCost"] for row in rows] == [None, 0.25, None, 0.25]


def test_figures_can_be_grouped_ordered_and_limited(traces: Any) -> None:
    traces.send(*[traces.generation(model="gpt-4o", cost=1.0) for _ in range(2)], traces.generation())
    by_model = {
        "dimensions": [{"field": "providedModelName"}],
        "metrics": [COUNT, {"measure": "totalCost", "aggregation": "sum"}],
        "orderBy": [{"field": "sum_totalCost", "direction": "desc"}],
    }
    assert measure(traces.client, **by_model) == [
        {"providedModelName": "gpt-4o", "count_count": 2, "sum_totalCost": 2.0},
        {"providedModelName": "gpt-4o-mini", "count_count": 1, "sum_totalCost": 0.25},
    ]
    assert len(measure(traces.client, **by_model, config={"row_limit": 1})) == 1
    assert measure(traces.client, dimensions=[{"field": "tags"}]) == [{"tags": ["rehearsal"], "count_count": 3}]


NEWEST = {"field": "time_dimension", "direction": "desc"}


def test_hours_are_named_in_iso(traces: Any) -> None:
    traces.send(traces.generation())
    rows = measure(traces.client, timeDimension={"granularity": "hour"}, orderBy=[NEWEST])
    (row,) = rows
    assert datetime.fromisoformat(row["time_dimension"]).tzinfo is not None


def test_fields_that_are_not_known_are_left_out(traces: Any) -> None:
    traces.send(traces.generation())
    (seen,) = traces.read(fields="core,everything")
    assert "level" not in seen


@pytest.mark.parametrize("column", ["statusMessage", "input", "latency", "totalCost"])
def test_l4_metrics_are_not_filtered_by_texts_or_measures(langfuse: httpx.Client, column: str) -> None:
    query = {
        "view": "observations",
        "metrics": [COUNT],
        "fromTimestamp": "2026-01-01T00:00:00Z",
        "toTimestamp": "2126-01-01T00:00:00Z",
        "filters": [{"column": column, "type": "string", "operator": "starts with", "value": "limit reached"}],
    }
    answer = langfuse.get(API + "v2/metrics", params={"query": json.dumps(query)})
    assert answer.status_code == 400
    assert "Invalid filter column" in answer.text


def test_l4_quota_violations_are_found_by_level_and_status(traces: Any) -> None:
    """L4."""
    refused = traces.generation(level="WARNING", **{"langfuse.observation.metadata.status": "429"})
    malformed = traces.generation(level="WARNING", **{"langfuse.observation.metadata.status": "400"})
    traces.send(refused, malformed, traces.generation())
    warning = {"column": "level", "type": "string", "operator": "=", "value": "WARNING"}
    status = {"column": "metadata", "type": "stringObject", "key": "status", "operator": "=", "value": "429"}
    assert measure(traces.client, warning, status) == [{"count_count": 1}]


def test_no_traffic_is_no_figure(langfuse: httpx.Client) -> None:
    assert measure(langfuse) == [{"count_count": 0}]
    assert measure(langfuse, metrics=[{"measure": "latency", "aggregation": "p95"}]) == [{"p95_latency": None}]
    assert measure(langfuse, dimensions=[{"field": "name"}]) == []


@pytest.mark.parametrize(
    "change",
    [
        {"fromTimestamp": None},
        {"fromTimestamp": "2026-01-02T00:00:00Z", "toTimestamp": "2026-01-01T00:00:00Z"},
        {"fromTimestamp": "2026-01-01T00:00:00"},
        {"metrics": []},
        {"metrics": [{"measure": "luck", "aggregation": "sum"}]},
        {"metrics": [{"measure": "latency", "aggregation": "p42"}]},
        {"view": "traces"},
        {"dimensions": [{"field": "colour"}]},
        {"dimensions": [{"field": "userId"}]},
        {"config": {"row_limit": 1001}},
        {"orderBy": [{"field": "sum_totalCost", "direction": "desc"}]},
        {"timeDimension": {"granularity": "fortnight"}},
    ],
)
def test_a_metrics_query_langfuse_refuses_is_a_400(langfuse: httpx.Client, change: dict[str, Any]) -> None:
    query = {
        "view": "observations",
        "metrics": [COUNT],
        "fromTimestamp": "2026-01-01T00:00:00Z",
        "toTimestamp": "2026-01-02T00:00:00Z",
    }
    assert langfuse.get(API + "v2/metrics", params={"query": json.dumps(query)}).status_code == 200
    query = {name: value for name, value in {**query, **change}.items() if value is not None}
    assert langfuse.get(API + "v2/metrics", params={"query": json.dumps(query)}).status_code == 400
    assert langfuse.get(API + "v2/metrics", params={"query": "{"}).status_code == 400


def test_the_old_ingestion_takes_scores_and_refuses_traces_one_by_one(langfuse: httpx.Client) -> None:
    score = {"traceId": "t", "name": "wrong-hit", "value": 1}
    batch = [
        {"id": "1", "type": "trace-create", "body": {}},
        {"id": "2", "type": "score-create", "body": score},
        {"id": "3", "type": "sdk-log", "body": {}},
    ]
    answer = langfuse.post(API + "ingestion", json={"batch": batch})
    assert answer.status_code == 207
    assert [success["id"] for success in answer.json()["successes"]] == ["2", "3"]
    assert [(e["id"], e["status"]) for e in answer.json()["errors"]] == [("1", 400)]
    assert [s["name"] for s in langfuse.get(API + "v3/scores").json()["data"]] == ["wrong-hit"]


def test_scores_can_be_made_read_and_deleted(langfuse: httpx.Client) -> None:
    one = langfuse.post(API + "scores", json={"traceId": "t", "name": "quality", "value": 0.5})
    langfuse.post(API + "scores", json=[{"traceId": "u", "name": "kind", "value": "good"}]).raise_for_status()
    (found,) = langfuse.get(API + "v3/scores", params={"traceId": "t", "fields": "subject"}).json()["data"]
    assert (found["id"], found["value"], found["dataType"]) == (one.json()["id"], 0.5, "NUMERIC")
    assert found["subject"] == {"kind": "trace", "id": "t"}
    assert langfuse.delete(API + "scores/" + found["id"]).status_code == 202
    assert langfuse.delete(API + "scores/" + found["id"]).status_code == 404
    assert len(langfuse.get(API + "v3/scores").json()["data"]) == 1
    assert langfuse.post(API + "scores", json={"name": "x", "value": 1}).status_code == 400


def test_health_can_demand_recent_traces(traces: Any) -> None:
    query = {"failIfNoRecentEvents": "true"}
    assert traces.client.get(API + "health").status_code == 200
    assert traces.client.get(API + "health", params=query).status_code == 503
    traces.send(traces.generation())
    assert traces.client.get(API + "health", params=query).status_code == 200


def test_what_was_stored_survives_a_kill_and_a_torn_line(
    start: Callable[..., Any], traces: Any, langfuse_env: dict[str, str], tmp_path: Path
) -> None:
    auth = langfuse_env["LANGFUSE_PUBLIC_KEY"], langfuse_env["LANGFUSE_SECRET_KEY"]
    options = ("--visibility-delay", "0", "--keep", "5")
    first = start("langfuse", *options, env=langfuse_env, state=tmp_path)
    spans = [traces.generation() for _ in range(12)]
    for span in spans:
        httpx.post(first.url + traces.path, json=traces.batch(span), auth=auth, timeout=10).raise_for_status()
    first.process.kill()
    first.process.wait(10)
    kept = tmp_path / "observations.jsonl"
    assert len(kept.read_bytes().splitlines()) <= 10
    assert kept.stat().st_mode & 0o077 == 0
    with kept.open("ab") as file:
        file.write(b'{"id":"torn')
    second = start("langfuse", *options, env=langfuse_env, state=tmp_path)
    answer = httpx.get(second.url + API + "v2/observations", auth=auth, timeout=10).json()
    assert {o["id"] for o in answer["data"]} == {span["spanId"] for span in spans[-5:]}


def test_the_drop_option_stores_nothing(start: Callable[..., Any], traces: Any, langfuse_env: Any) -> None:
    auth = langfuse_env["LANGFUSE_PUBLIC_KEY"], langfuse_env["LANGFUSE_SECRET_KEY"]
    server = start("langfuse", "--drop", env=langfuse_env)
    body = traces.batch(traces.generation())
    assert httpx.post(server.url + traces.path, json=body, auth=auth, timeout=10).status_code == 200
    info = httpx.get(server.url + "/_control/info", timeout=10).json()
    assert (info["observations"], info["pid"]) == (0, server.process.pid)
    assert server.stop() == 0
    log = "\n".join(server.lines)
    assert "langfuse POST /api/public/otel/v1/traces 200 " in log
    assert not any(value in log for name, value in langfuse_env.items() if "KEY" in name or "PASSWORD" in name)


def test_without_keys_it_says_which_variables_are_missing(start: Callable[..., Any]) -> None:
    server = start("langfuse", env={}, wait=False)
    assert server.process.wait(20) == 2
    server.thread.join(10)
    assert "LANGFUSE_SECRET_KEY" in server.lines[0]
