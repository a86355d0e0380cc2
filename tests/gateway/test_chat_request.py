"""Reading a chat request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llm_gateway.chat_request import BadRequest, ChatRequest, parse

MESSAGES = [{"role": "user", "content": "hi"}]


def read(body: Any, *, cache_control: str | None = None) -> ChatRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse(raw, cache_control=cache_control, models=("mini", "big"), default_model="mini", default_max_tokens=100)


def test_only_the_providers_parameters_go_on() -> None:
    request = read(
        {"model": "big", "messages": MESSAGES, "temperature": 0, "api_base": "x", "no-log": True, "seed": None}
    )
    assert request.body == {"messages": MESSAGES, "temperature": 0, "max_tokens": 100}
    assert request.ignored == ("api_base", "no-log")


def test_no_model_means_the_default_one() -> None:
    assert read({"messages": MESSAGES}).model == "mini"


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
    assert read({"messages": MESSAGES, **fields}).output_tokens == output_tokens


def test_a_prediction_adds_to_the_bound() -> None:
    predicted = {"type": "content", "content": "x" * 500}
    assert read({"messages": MESSAGES, "max_tokens": 1, "prediction": predicted}).output_tokens > 500


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not valid JSON"),
        (b"[1]", "JSON object"),
        (b"[" * 100_000, "not valid JSON"),
        (b'{"messages": [{"role": "user", "content": NaN}]}', "not valid JSON"),
        (b'{"messages": [{"role": "user", "content": "\\ud800"}]}', "not valid JSON"),
        ({"messages": MESSAGES, "model": "small"}, "'small' does not exist here; there are mini, big"),
        ({"messages": MESSAGES, "model": "x" * 500}, "does not exist"),
        ({}, "messages"),
        ({"messages": ["hi"]}, "messages must be a list of objects"),
        ({"messages": MESSAGES, "tools": [[]]}, "tools must be a list of objects"),
        ({"messages": MESSAGES, "temperature": "hot"}, "temperature must be"),
        (b'{"messages": [{"role": "user", "content": "hi"}], "temperature": 1e999}', "temperature must be"),
        ({"messages": [{"role": "user", "content": [{"text": "hi"}]}]}, "each part needs a type"),
        ({"messages": MESSAGES, "response_format": "json"}, "response_format must be an object"),
        ({"messages": MESSAGES, "logprobs": 1}, "logprobs must be true or false"),
        ({"messages": [{"role": "assistant", "tool_calls": "x"}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content"),
        ({"messages": MESSAGES, "max_tokens": True}, "max_tokens"),
        ({"messages": MESSAGES, "n": 129}, "n must not be above"),
        ({"messages": MESSAGES, "stream": 2}, "stream"),
    ],
)
def test_a_mistake_is_named(body: Any, words: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read(body)
    assert words in refused.value.message
    assert len(refused.value.message) < 200


def test_cache_controls_come_from_body_and_header() -> None:
    assert read({"messages": MESSAGES, "cache": {"no-cache": True}}).controls.no_cache
    assert read({"messages": MESSAGES}, cache_control="max-age=0, No-Store").controls.no_store
    plain = read({"messages": MESSAGES, "cache": "yes"}).controls
    assert not plain.no_cache
    assert not plain.no_store


def test_metadata_is_bounded_text_and_part_of_who_asks() -> None:
    request = read({"messages": MESSAGES, "metadata": {"user_id": "u1", "deep": {"x": 1}, "long": "x" * 9999, "n": 5}})
    assert request.metadata == {"user_id": "u1", "long": "x" * 512, "n": "5"}
    assert request.end_user == "u1"
    assert request.identity["metadata"] == request.metadata
    assert read({"messages": MESSAGES, "metadata": "x"}).metadata == {}
