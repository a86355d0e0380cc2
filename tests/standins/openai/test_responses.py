"""Responses hold what OpenAI documents, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jsonschema
import pydantic
import pytest
from openai import OpenAI
from openai.types.responses import Response, ResponseStreamEvent

from tests.standins.openai.ask import ORDER, RESPONSES, response, tool
from tests.standins.openai.exact import events, exact

FORMAT = {"format": {"type": "json_schema", "name": "order", "schema": ORDER, "strict": True}}
PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAABAAAAAQACAYAAAB/HSuDAAAAAElFTkSuQmCC"
# What the SDK's type has and OpenAI sends only where its feature is used.
RARE = {
    "access_programs",
    "conversation",
    "image",
    "input_transformations",
    "moderation",
    "prompt_cache_diagnostics",
    "prompt_cache_options",
    "tool_usage",
}


def post(client: httpx.Client, body: dict[str, Any]) -> Response:
    answer = client.post(RESPONSES, json=body)
    assert answer.status_code == 200, answer.text
    return exact(Response, answer.json())


def kinds(told: list[Any]) -> list[str]:
    """The types of events, repeated deltas told once."""
    names = [event.type.removeprefix("response.") for event in told]
    return [name for at, name in enumerate(names) if at == 0 or name != names[at - 1]]


def text_events(part: str) -> list[str]:
    return ["output_item.added", "content_part.added", f"{part}.delta", f"{part}.done", "content_part.done",
            "output_item.done"]  # fmt: skip


CALL_EVENTS = ["output_item.added", "function_call_arguments.delta", "function_call_arguments.done",
               "output_item.done"]  # fmt: skip
CUSTOM_EVENTS = ["output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done",
                 "output_item.done"]  # fmt: skip
REASONING_EVENTS = ["output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
                    "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done"]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "order"),
    [
        pytest.param(response("Hello"), text_events("output_text"), id="text"),
        pytest.param(response("please refuse"), text_events("refusal"), id="refusal"),
        pytest.param(response("as JSON", text={"format": {"type": "json_object"}}), text_events("output_text"),
                     id="json"),
        pytest.param(response("Hello", text=FORMAT), text_events("output_text"), id="structured"),
        pytest.param(
            response("Hello", include=["message.output_text.logprobs"], top_logprobs=2), text_events("output_text"),
            id="logprobs",
        ),
        pytest.param(response("track", tools=[tool("track")]), CALL_EVENTS, id="call"),
        pytest.param(response("track, refund", tools=[tool("track"), tool("refund")]), CALL_EVENTS * 2,
                     id="parallel calls"),
        pytest.param(response("run", tools=[{"type": "custom", "name": "run"}]), CUSTOM_EVENTS, id="custom tool"),
        pytest.param(
            response("Hello", model="gpt-5", reasoning={"effort": "low", "summary": "auto"}),
            REASONING_EVENTS + text_events("output_text"),
            id="reasoning summary",
        ),
        pytest.param(
            response("track", model="o4-mini", include=["reasoning.encrypted_content"], store=False,
                     tools=[tool("track")]),
            ["output_item.added", "output_item.done", *CALL_EVENTS],
            id="reasoning without summary",
        ),
        pytest.param(response([{"role": "user", "content": [{"type": "input_image", "image_url": PNG}]}]),
                     text_events("output_text"), id="picture"),
        pytest.param(response("Hello", instructions="Be kind", metadata={"a": "b"}, temperature=0.1, top_p=0.5,
                              user="u", service_tier="flex", truncation="auto", max_tool_calls=2),
                     text_events("output_text"), id="all sorts"),
    ],
)  # fmt: skip
def test_streams_and_whole_responses_are_what_the_sdk_describes_and_say_the_same(
    all_models: Any, openai_key: str, body: dict[str, Any], order: list[str]
) -> None:
    """G3, G31"""
    headers = {"authorization": f"Bearer {openai_key}"}
    with httpx.Client(base_url=all_models.url, headers=headers, timeout=20) as client:
        whole = post(client, body)
        told = events(client.post(RESPONSES, json={**body, "stream": True}))
    assert kinds(told) == ["created", "in_progress", *order, "completed"]
    final = told[-1].response
    assert _said(final) == _said(whole)
    assert [event.item for event in told if event.type == "response.output_item.done"] == final.output
    begun = told[0].response
    assert (begun.status, begun.output, begun.usage) == ("in_progress", [], None)
    assert final.status == "completed"
    assert final.usage == whole.usage
    assert set(Response.model_fields) - final.model_fields_set == RARE
    for at, item in enumerate(final.output):
        mine = [event for event in told if getattr(event, "output_index", None) == at]
        deltas = "".join(event.delta for event in mine if event.type.endswith(".delta"))
        assert deltas == _text(item)


def _text(item: Any) -> str:
    if item.type == "message":
        part = item.content[0]
        return str(part.refusal if part.type == "refusal" else part.text)
    if item.type == "reasoning":
        return "".join(part.text for part in item.summary)
    return str(item.input if item.type == "custom_tool_call" else item.arguments)


def _said(given: Response) -> list[tuple[str, str]]:
    return [(item.type, _text(item)) for item in given.output]


@pytest.mark.parametrize(
    ("choice", "more", "names"),
    [
        ("auto", {}, ["track", "refund"]),
        ("auto", {"parallel_tool_calls": False}, ["track"]),
        ("required", {}, ["track", "refund"]),
        ("none", {}, []),
        ({"type": "function", "name": "refund"}, {}, ["refund"]),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "track"}]}, {}, ["track"]),
    ],
)
def test_the_tools_a_question_names_are_called(
    openai: httpx.Client, choice: Any, more: dict[str, Any], names: list[str]
) -> None:
    """G23"""
    tools = [tool("track"), tool("refund"), tool("other"), {"type": "web_search"}]
    made = post(openai, response("track and refund", tools=tools, tool_choice=choice, **more))
    assert [item.name for item in made.output if item.type == "function_call"] == names
    for item in made.output:
        if item.type == "function_call":
            jsonschema.validate(json.loads(item.arguments), ORDER)


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5"])
def test_a_tool_loop_driven_by_the_official_client(sdk: OpenAI, model: str) -> None:
    """All output is sent back as the SDK's own objects, without state at the provider."""
    tools: Any = [tool("track"), tool("refund")]
    items: Any = [{"role": "user", "content": "track it, then refund it"}]
    rounds = []
    while True:
        made = sdk.responses.create(model=model, input=items, tools=tools, store=False)
        items += made.output
        calls = [item for item in made.output if item.type == "function_call"]
        if not calls:
            break
        rounds.append([call.name for call in calls])
        items += [{"type": "function_call_output", "call_id": c.call_id, "output": f"did {c.name}"} for c in calls]
    assert rounds == [["track", "refund"]]
    assert "The tools said: did track; did refund." in made.output_text


def test_the_streaming_helper_and_the_parser_of_the_official_client_take_it(sdk: OpenAI) -> None:
    class Basket(pydantic.BaseModel):
        items: list[str]
        paid: bool

    with sdk.responses.stream(model="gpt-5", input="Fill a basket", text_format=Basket) as stream:
        seen = {event.type for event in stream}
        final = stream.get_final_response()
    assert {"response.output_text.delta", "response.output_text.done", "response.completed"} <= seen
    assert isinstance(final.output_parsed, Basket)
    parsed = sdk.responses.parse(model="gpt-4o", input="Fill a basket", text_format=Basket)
    assert isinstance(parsed.output_parsed, Basket)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "limit", "items"), [("gpt-4o", 16, 1), ("gpt-5", 40, 1), ("gpt-5", 70, 2)])
def test_an_answer_beyond_max_output_tokens_is_incomplete(
    sdk: OpenAI, model: str, limit: int, items: int, stream: bool
) -> None:
    words = "Hello " * 30
    made: Any
    if stream:
        *_, last = sdk.responses.create(model=model, input=words, max_output_tokens=limit, stream=True)
        assert last.type == "response.incomplete"
        made = last.response
    else:
        made = sdk.responses.create(model=model, input=words, max_output_tokens=limit)
    assert made.status == "incomplete"
    assert made.incomplete_details.reason == "max_output_tokens"
    assert made.usage.output_tokens == limit
    assert len(made.output) == items
    if made.output[-1].type == "message":
        assert made.output[-1].status == "incomplete"


def test_a_call_beyond_max_output_tokens_is_cut_in_its_arguments(openai: httpx.Client) -> None:
    body = response("track and refund " * 10, tools=[tool("track"), tool("refund")], max_output_tokens=16)
    made = post(openai, body)
    assert made.status == "incomplete"
    assert [(item.type, getattr(item, "status", None)) for item in made.output] == [("function_call", "incomplete")]
    assert made.usage is not None
    assert made.usage.output_tokens == 16


@pytest.mark.parametrize(
    ("outcome", "status", "last"),
    [("failed", "failed", "response.failed"), ("content_filter", "incomplete", "response.incomplete")],
)
def test_a_response_can_be_made_to_fail(openai: httpx.Client, outcome: str, status: str, last: str) -> None:
    openai.post("/_control/faults", json={"outcome": outcome}).raise_for_status()
    made = post(openai, response("Hello"))
    assert made.status == status
    assert (made.error is not None) == (status == "failed")
    assert events(openai.post(RESPONSES, json=response("Hello", stream=True)))[-1].type == last


def test_a_stream_can_break_off_with_an_error_event_a_cut_or_an_early_end(openai: httpx.Client) -> None:
    def arranged(**fault: Any) -> httpx.Response:
        openai.post("/_control/faults", json={**fault, "count": 1}).raise_for_status()
        return openai.post(RESPONSES, json=response("Hello", stream=True))

    broken = events(arranged(error_after_chunks=2))
    assert broken[-1].type == "error"
    assert broken[-1].message
    early = events(arranged(end_after_chunks=2))
    assert [event.type for event in early[-2:]] == ["response.output_text.delta"] * 2
    with pytest.raises(httpx.RemoteProtocolError):
        arranged(cut_after_chunks=2)


def test_arranged_figures_and_replies_are_told_by_both_endpoints_names(openai: httpx.Client) -> None:
    calls = [{"name": "track", "arguments": '{"a": 1}'}]
    figures = {"prompt_tokens": 1000, "cached_tokens": 900, "output_tokens": 7}
    openai.post("/_control/replies", json={"contains": "x", "tool_calls": calls, "usage": figures})
    made = post(openai, response("x"))
    assert [item.type for item in made.output] == ["function_call"]
    assert made.usage is not None
    assert made.usage.model_dump(exclude={"input_tokens_details": {"cache_write_tokens_details"}}) == {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 900, "cache_write_tokens": 0},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 1007,
    }
    counted = openai.get("/_control/counters").json()["models"]["gpt-4o-mini"][RESPONSES]
    assert (counted["prompt_tokens"], counted["completion_tokens"]) == (1000, 7)


def test_the_size_of_a_picture_decides_its_bill(openai: httpx.Client) -> None:
    """G26: 1024 by 1024 pixels are four tiles at gpt-4o-mini's 2833 and 5667 tokens."""
    small = {"type": "input_image", "image_url": PNG, "detail": "low"}
    large = {"type": "input_image", "image_url": PNG, "detail": "high"}
    used = [post(openai, response([{"role": "user", "content": [part]}])).usage for part in (small, large)]
    assert used[0] is not None
    assert used[1] is not None
    assert used[1].input_tokens - used[0].input_tokens == 4 * 5667


def test_exactness_has_teeth() -> None:
    with pytest.raises(AssertionError, match="undocumented"):
        exact(Response, {**_least(), "undocumented": 1})
    with pytest.raises(pydantic.ValidationError):
        exact(ResponseStreamEvent, {"type": "response.created", "sequence_number": "x"})


def _least() -> dict[str, Any]:
    return {"id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-4o", "output": [],
            "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}  # fmt: skip
