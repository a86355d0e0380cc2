"""Reading a chat completion request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llm_gateway.api.body import parse
from llm_gateway.api.chat_request import MOST_BIASES, MOST_MESSAGES, MOST_TOOLS, read
from llm_gateway.api.errors import BadRequest
from llm_gateway.api.request import Offer, Reference, Request
from llm_gateway.cache.keys import exact_key
from llm_gateway.limits.media import Document, Picture, Sound

OFFER = Offer(("mini", "big"), "mini", 100)
MESSAGES = [{"role": "user", "content": "hi"}]
FUNCTION = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}


def reading(sent: dict[str, Any], *, cache_control: str | None = None) -> Request:
    return read({"messages": MESSAGES, **sent}, OFFER, cache_control=cache_control)


def refusal(sent: dict[str, Any]) -> BadRequest:
    with pytest.raises(BadRequest) as refused:
        reading(sent)
    assert len(refused.value.message) < 250
    return refused.value


PASSED_ON: list[dict[str, Any]] = [
    {"service_tier": "flex"}, {"reasoning_effort": "low"}, {"verbosity": "high"}, {"metadata": {"ticket": "17"}},
    {"prompt_cache_key": "k"}, {"prompt_cache_retention": "24h"}, {"safety_identifier": "s"}, {"store": False},
    {"prediction": {"type": "content", "content": "x"}}, {"seed": 2**63 - 1}, {"logit_bias": {"50256": -100}},
    {"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}},
    {"tools": [{"type": "custom", "custom": {"name": "shell", "format": {"type": "text"}}}]},
    {"parallel_tool_calls": False}, {"modalities": ["text"]}, {"user": "ann"}, {"stop": ["\n", "END"]},
    {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {}}}},
    {"logprobs": True, "top_logprobs": 3}, {"temperature": 2}, {"top_p": 0}, {"presence_penalty": -2.0},
    {"frequency_penalty": 0.1}, {"n": 3}, {"max_tokens": 5}, {"max_completion_tokens": 5},
    {"functions": [{"name": "old"}], "function_call": "auto"},
]  # fmt: skip


@pytest.mark.parametrize("sent", PASSED_ON, ids=lambda sent: ",".join(sent))
def test_what_the_client_sent_goes_on_as_it_is(sent: dict[str, Any]) -> None:
    """G22, G23."""
    content = json.loads(reading(sent).content)
    assert {name: content[name] for name in sent} == sent
    assert set(content) <= {"messages", "max_completion_tokens", *sent}


@pytest.mark.parametrize(
    "name",
    ["api_base", "no-log", "mock_response", "fallbacks", "extra_body", "num_retries", "web_search_options", "audio"],
)
def test_what_does_not_go_on_is_refused_by_name(name: str) -> None:
    """G22: never dropped in silence."""
    error = refusal({name: {"x": 1}})
    assert (error.status, error.param) == (400, name)
    assert name in error.message


@pytest.mark.parametrize("tier", ["priority", "scale"])
def test_a_tier_without_a_price_is_refused_by_name(tier: str) -> None:
    """G22."""
    assert refusal({"service_tier": tier}).param == "service_tier"


def test_a_null_is_a_field_left_out() -> None:
    assert "seed" not in reading({"seed": None, "audio": None, "stream_options": None}).body


def test_no_model_means_the_default_one() -> None:
    assert reading({}).model == "mini"


@pytest.mark.parametrize(("asked", "model"), [("big", "big"), ("mini-2024-07-18", "mini"), ("big-2024-08-06", "big")])
def test_a_model_goes_by_its_name_and_by_the_one_its_answers_carry(asked: str, model: str) -> None:
    """G17."""
    assert reading({"model": asked}).model == model


@pytest.mark.parametrize(
    "model",
    [
        "small", "x" * 500, "", "ｍｉｎｉ", "mini\u200b", "MINI", "mini\u0000", "ⅿini", " mini", "mini,big",
        "mini-2024", "mini-2024-07-18-2024-07-18", "openai/mini", "-2024-07-18",
    ],
)  # fmt: skip
def test_a_model_that_is_not_here_does_not_exist(model: str) -> None:
    """G16."""
    error = refusal({"model": model})
    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
    assert "mini, big" in error.message


@pytest.mark.parametrize(
    ("fields", "output_tokens"),
    [
        ({}, 100),
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 9, "max_tokens": 7}, 9),
        ({"max_tokens": 7, "n": 3}, 21),
        ({"n": 2}, 200),
    ],
)
def test_an_answer_is_always_bounded(fields: dict[str, int], output_tokens: int) -> None:
    request = reading(fields)
    assert request.output_tokens == output_tokens
    assert {"max_tokens", "max_completion_tokens"} & set(json.loads(request.content))


def test_a_prediction_adds_to_the_bound() -> None:
    predicted = {"type": "content", "content": "x" * 500}
    assert reading({"max_tokens": 1, "prediction": predicted}).output_tokens > 500


@pytest.mark.parametrize(
    ("sent", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [None]}, "messages[0]"),
        ({"messages": [{"role": ["user"], "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": {}, "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": 5, "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "king", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [*MESSAGES, {"role": "user", "content": 5}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": {}}]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
            "messages[0].content[0].image_url",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": "x"}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].id"),
        ({"messages": [{"role": "user", "content": "hi", "name": ["ann"]}]}, "messages[0].name"),
        ({"tools": [[]]}, "tools[0]"),
        ({"tools": {"x": 1}}, "tools"),
        ({"tools": [{"function": {}}]}, "tools[0].type"),
        ({"tools": [{"type": ["function"]}]}, "tools[0].type"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"response_format": "json"}, "response_format"),
        ({"logprobs": 1}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_completion_tokens": -5}, "max_completion_tokens"),
        ({"max_tokens": 10**30}, "max_tokens"),
        ({"n": 129}, "n"),
        ({"n": -1}, "n"),
        ({"stream": 2}, "stream"),
        ({"stream": "yes"}, "stream"),
        ({"stop": {"x": 1}}, "stop"),
        ({"stop": list("abcde")}, "stop"),
        ({"user": {"id": 1}}, "user"),
        ({"metadata": "x"}, "metadata"),
        ({"metadata": {"a": 1}}, "metadata.a"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "metadata"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a"),
        ({"metadata": {"a" * 65: "x"}}, "metadata"),
        ({"model": ["mini"]}, "model"),
        ({"model": {}}, "model"),
        ({"modalities": ["text", "audio"]}, "modalities[1]"),
        ({"logit_bias": {"5": "much"}}, "logit_bias.5"),
        ({"logit_bias": {"5": 101}}, "logit_bias.5"),
    ],
)
def test_a_mistake_is_400_and_names_the_field(sent: dict[str, Any], param: str) -> None:
    """G15 and its kind: every field of another type than the documented one."""
    error = refusal(sent)
    assert (error.status, error.param) == (400, param)
    assert param.split(".")[-1].split("[")[0] in error.message


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"messages": MESSAGES * (MOST_MESSAGES + 1)}, "array_above_max_length"),
        ({"tools": [FUNCTION] * (MOST_TOOLS + 1)}, "array_above_max_length"),
        ({"logit_bias": {str(n): 1 for n in range(MOST_BIASES + 1)}}, "object_above_max_properties"),
        ({"logit_bias": {str(n): 1 for n in range(100_000)}}, "object_above_max_properties"),
    ],
    ids=["messages", "tools", "logit_bias", "logit_bias of 100,000"],
)
def test_lists_have_the_providers_caps(sent: dict[str, Any], code: str) -> None:
    """G13, G14."""
    assert refusal(sent).code == code


def test_as_many_as_the_caps_allow_are_read() -> None:
    """G13, G14."""
    reading({"messages": MESSAGES * MOST_MESSAGES, "tools": [FUNCTION] * MOST_TOOLS})
    reading({"logit_bias": {str(n): 1 for n in range(MOST_BIASES)}})


@pytest.mark.parametrize("stream", [{}, {"stream": False}, {"stream": None}])
def test_stream_options_without_a_stream_are_refused(stream: dict[str, Any]) -> None:
    """G24."""
    error = refusal({"stream_options": {"include_usage": True}, **stream})
    assert (error.status, error.param) == (400, "stream_options")


@pytest.mark.parametrize(
    ("options", "included"), [(None, False), ({"include_usage": False}, False), ({"include_usage": True}, True)]
)
def test_a_stream_always_brings_its_usage_for_the_books(options: dict[str, Any] | None, *, included: bool) -> None:
    request = reading({"stream": True, "stream_options": options})
    assert json.loads(request.content)["stream_options"] == {**(options or {}), "include_usage": True}
    assert request.include_usage is included


def test_other_stream_options_are_kept() -> None:
    request = reading({"stream": True, "stream_options": {"include_obfuscation": False}})
    assert json.loads(request.content)["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_cache_controls_come_from_body_and_header() -> None:
    assert reading({"cache": {"no-cache": True}}).controls.no_cache
    assert reading({}, cache_control="max-age=0, No-Store").controls.no_store
    plain = reading({}).controls
    assert not plain.no_cache
    assert not plain.no_store
    assert refusal({"cache": "yes"}).param == "cache"


def test_metadata_names_who_asks() -> None:
    request = reading({"metadata": {"user_id": "u1", "long": "x" * 512}})
    assert request.labels == {"user_id": "u1", "long": "x" * 512}
    assert request.end_user == "u1"
    assert request.identity["metadata"] == {"user_id": "u1"}


@pytest.mark.parametrize("metadata", [{"user_id": "x" * 500 + "{}"}, {"label": "a", "end_user": "{}"}])
def test_no_two_end_users_look_like_one_however_their_names_are_sent(metadata: dict[str, Any]) -> None:
    keys = set()
    for name in ("ann", "bob"):
        sent = json.loads(json.dumps(metadata).replace("{}", name))
        keys.add(exact_key(reading({"metadata": sent}).identity, team="shop", model="mini", per_user=True))
    assert len(keys) == 2


def test_the_last_of_two_equal_names_is_what_is_checked_and_what_goes_on() -> None:
    twice = b'"max_tokens": 0, "max_tokens": 7, "model": "x", "model": "big"'
    request = read(parse(b'{"messages": [{"role": "user", "content": "hi"}], ' + twice + b"}"), OFFER)
    assert (json.loads(request.content)["max_tokens"], request.output_tokens, request.model) == (7, 7, "big")


def test_media_are_read_and_their_bytes_are_no_text() -> None:
    """G9, G26: a PDF of 120 kB is not 40,000 tokens of text."""
    pdf = "JVBERi0x" * 15_000
    parts = [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{pdf}"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA" * 1000, "format": "wav"}},
    ]
    size = reading({"messages": [{"role": "user", "content": parts}]}).size
    assert size.text < 30
    assert size.media == (Picture(0), Document(1), Sound(3))


def test_what_is_kept_at_the_provider_is_named_with_its_place() -> None:
    content = [{"type": "file", "file": {"file_id": "file-1"}}]
    messages = [{"role": "user", "content": content}, {"role": "assistant", "audio": {"id": "audio_1"}}]
    request = reading({"messages": messages})
    assert request.references == (
        Reference("file", "file-1", "messages[0].content[0].file.file_id"),
        Reference("audio", "audio_1", "messages[1].audio.id"),
    )
    assert request.size.media == (Document(None),)


def test_who_wants_it_stored_is_not_answered_from_a_cache() -> None:
    assert reading({"store": True}).stateful
    assert not reading({"store": False}).stateful
    assert not reading({}).stateful
