"""Traces come in over OTLP as the real Langfuse takes them, and turn into observations."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import httpx
import pytest

PROTOBUF = {"content-type": "application/x-protobuf"}


def test_a_span_of_the_langfuse_callback_becomes_a_generation(traces: Any) -> None:
    span = traces.generation(cache_hit=True, took_s=1.5)
    assert traces.send(span).status_code == 200
    (seen,) = traces.read(traceId=span["traceId"])
    assert seen["id"] == span["spanId"]
    assert seen["type"] == "GENERATION"
    assert seen["name"] == "litellm:prod_customer"
    assert seen["metadata"]["cache_hit"] is True
    assert seen["usageDetails"] == {"input": 7, "output": 3, "total": 10}
    assert seen["costDetails"] == {"total": 0.25}
    assert seen["totalCost"] == 0.25
    assert seen["latency"] == pytest.approx(1.5)
    assert seen["tags"] == ["rehearsal"]
    assert (seen["userId"], seen["sessionId"]) == ("customer-1", "session-1")
    assert seen["traceName"] == "litellm-acompletion"
    assert seen["model"] == "gpt-4o-mini"
    assert seen["isRootObservation"] is True
    assert seen["projectId"] == "the-project"


def test_a_span_of_the_otel_callback_becomes_a_generation_with_cost_and_usage(traces: Any) -> None:
    attributes = {
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "llm.token_count.prompt": 5,
        "llm.token_count.completion": 2,
        "llm.cost.total": 0.125,
        "langfuse.trace.tags": json.dumps(["a", "b"]),
    }
    span = traces.generation()
    span["attributes"] = [
        {"key": k, "value": {"stringValue": v} if isinstance(v, str) else {"doubleValue": v}}
        for k, v in attributes.items()
    ]
    span["status"] = {"code": 2, "message": "upstream failed"}
    traces.send(span, scope="litellm")
    (seen,) = traces.read()
    assert seen["type"] == "GENERATION"
    assert seen["model"] == "gpt-4o-2024-08-06"
    assert seen["usageDetails"] == {"input": 5, "output": 2, "total": 7}
    assert seen["totalCost"] == 0.125
    assert (seen["level"], seen["statusMessage"]) == ("ERROR", "upstream failed")
    assert seen["tags"] == ["a", "b"]
    assert seen["metadata"]["attributes.llm.cost.total"] == 0.125


def test_a_child_span_without_a_model_is_a_span_below_its_parent(traces: Any) -> None:
    parent = traces.generation()
    child = {**traces.generation(trace_id=parent["traceId"]), "parentSpanId": parent["spanId"], "attributes": []}
    traces.send(parent, child)
    (seen,) = traces.read(parentObservationId=parent["spanId"])
    assert (seen["type"], seen["isRootObservation"]) == ("SPAN", False)
    assert [o["id"] for o in traces.read(parentObservationId="")] == [parent["spanId"]]


def test_protobuf_and_json_plain_and_compressed_are_the_same(traces: Any) -> None:
    spans = [traces.generation() for _ in range(4)]
    batches = [traces.batch(span) for span in spans]
    as_json = [json.dumps(batch).encode() for batch in batches]
    zipped = {"content-encoding": "gzip"}
    plain = {"content-type": "application/json; charset=utf-8"}
    sent = [
        traces.client.post(traces.path, content=traces.as_protobuf(batches[0]), headers=PROTOBUF),
        traces.client.post(
            traces.path, content=gzip.compress(traces.as_protobuf(batches[1])), headers={**PROTOBUF, **zipped}
        ),
        traces.client.post(traces.path, content=as_json[2], headers=plain),
        traces.client.post(traces.path, content=gzip.compress(as_json[3]), headers={**plain, **zipped}),
    ]
    assert [answer.status_code for answer in sent] == [200] * 4
    seen = {o["traceId"]: o for o in traces.read()}
    assert set(seen) == {span["traceId"] for span in spans}
    first = seen[spans[0]["traceId"]]
    for other in seen.values():
        assert other["metadata"] == first["metadata"]
        assert other["usageDetails"] == first["usageDetails"]


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{}", {"content-type": "text/plain"}),
        (b"{}", {}),
        (b"{", {"content-type": "application/json"}),
        (b"[]", {"content-type": "application/json"}),
        (b"\xff\xff", PROTOBUF),
        (b"no gzip", {**PROTOBUF, "content-encoding": "gzip"}),
        (b"", {**PROTOBUF, "x-langfuse-ingestion-version": "5"}),
        (b"", {**PROTOBUF, "x-langfuse-ingestion-version": "new"}),
    ],
)
def test_what_cannot_be_read_is_a_400(traces: Any, content: bytes, headers: dict[str, str]) -> None:
    assert traces.client.post(traces.path, content=content, headers=headers).status_code == 400


@pytest.mark.parametrize(("field", "value"), [("traceId", ""), ("spanId", ""), ("traceId", "zz"), ("spanId", "ab")])
def test_one_bad_span_refuses_the_whole_batch(traces: Any, field: str, value: str) -> None:
    data = traces.batch(traces.generation(), {**traces.generation(), field: value})
    assert traces.client.post(traces.path, json=data).status_code == 400
    assert traces.read() == []


def test_l5_a_span_that_is_sent_twice_is_there_twice_until_it_is_merged(traces: Any) -> None:
    """L5."""
    span = traces.generation()
    traces.send(span)
    traces.send(span)
    assert len(traces.read()) == 2
    traces.client.post("/_control/switches", json={"merge_s": 0}).raise_for_status()
    assert len(traces.read()) == 1


def test_l8_a_span_of_another_scope_carries_its_attributes_again(traces: Any) -> None:
    """L8."""
    traces.send(traces.generation(), scope="llm-gateway")
    traces.send(traces.generation(), scope="langfuse-sdk-llm-gateway")
    foreign, own = sorted(traces.read(), key=lambda seen: len(seen["metadata"]), reverse=True)
    assert any(name.startswith("attributes.") for name in foreign["metadata"])
    assert not any(name.startswith("attributes.") for name in own["metadata"])


def test_a_trace_can_be_read_only_after_the_visibility_delay(traces: Any) -> None:
    traces.client.post("/_control/switches", json={"visibility_delay_s": 0.5}).raise_for_status()
    sent = time.monotonic()
    traces.send(traces.generation())
    assert traces.read() == []
    while not traces.read():
        assert time.monotonic() - sent < 10
    assert time.monotonic() - sent >= 0.5


def test_dropping_answers_200_and_stores_nothing(traces: Any) -> None:
    traces.client.post("/_control/switches", json={"drop": True}).raise_for_status()
    assert traces.send(traces.generation()).status_code == 200
    traces.client.post("/_control/switches", json={"drop": False}).raise_for_status()
    assert traces.read() == []


def test_ingestion_can_be_made_to_fail(traces: Any) -> None:
    traces.client.post("/_control/switches", json={"otlp_status": 500}).raise_for_status()
    assert traces.send(traces.generation()).status_code == 500


@pytest.mark.parametrize("wrong", [{"dorp": True}, {"drop": "yes"}, []])
def test_a_switch_that_does_not_exist_is_refused(langfuse: httpx.Client, wrong: object) -> None:
    assert langfuse.post("/_control/switches", json=wrong).status_code == 400
