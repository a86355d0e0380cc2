"""Reading a chat request."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llm_gateway.api.chat_request import BadRequest, ChatRequest, parse
from llm_gateway.cache.keys import exact_key

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
        (b'{"messages": [{"role": "user", "content": "hi"}], "temperature": 1e999}', "not valid JSON"),
        (b'{"messages": [{"role": "user", "content": "hi"}], "logit_bias": {"5": -1e999}}', "not valid JSON"),
        (b'{"messages": [{"role": "user", "content": "\xed\xa0\x80"}]}', "not valid JSON"),
        (b'{"messages": [{"role": "user", "content": "\xff\xfe"}]}', "not valid JSON"),
        (json.dumps({"messages": MESSAGES}).encode("utf-16"), "not valid JSON"),
        (b'{"messages": [{"role": "user", "content": "hi"}], "seed": ' + b"1" * 5000 + b"}", "not valid JSON"),
        (b'{"x": ' + b"[" * 300 + b"]" * 300 + b"}", "nested deeper than 64"),
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
    assert request.identity["metadata"] == {"user_id": "u1"}
    assert read({"messages": MESSAGES, "metadata": "x"}).metadata == {}


@pytest.mark.parametrize(
    "metadata",
    [
        {**{f"label{n}": n for n in range(20)}, "user_id": "{}"},
        {"user_id": "x" * 600 + "{}"},
        {"user_id": {"id": "{}"}},
        {"end_user": ["{}"]},
    ],
)
def test_no_two_end_users_look_like_one_however_their_names_are_sent(metadata: dict[str, Any]) -> None:
    keys = set()
    for name in ("ann", "bob"):
        sent = json.dumps({"messages": MESSAGES, "metadata": metadata}).replace("{}", name)
        keys.add(exact_key(read(sent.encode()).identity, team="shop", model="mini"))
    assert len(keys) == 2


def test_the_last_of_two_equal_names_is_what_is_checked_and_what_goes_on() -> None:
    twice = b'"max_tokens": 5, "max_tokens": 7, "model": "x", "model": "big"'
    request = read(b'{"messages": [{"role": "user", "content": "hi"}], ' + twice + b"}")
    assert (request.body["max_tokens"], request.output_tokens, request.model) == (7, 7, "big")


@pytest.mark.parametrize("model", ["ｍｉｎｉ", "mini\u200b", "MINI", "mini\u0000", "ⅿini"])
def test_a_model_name_that_only_looks_right_does_not_exist(model: str) -> None:
    with pytest.raises(BadRequest) as refused:
        read({"messages": MESSAGES, "model": model})
    assert refused.value.code == "model_not_found"
