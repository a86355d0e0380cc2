"""Chat completions hold what OpenAI documents, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jsonschema
import openai as package
import pydantic
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from tests.standins.openai.ask import CHAT, ORDER, chat
from tests.standins.openai.exact import chunks, exact

FORMAT = {"type": "json_schema", "json_schema": {"name": "order", "schema": ORDER, "strict": True}}
HEADERS = {
    "x-request-id",
    "openai-processing-ms",
    "openai-version",
    "x-ratelimit-limit-requests",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-tokens",
}


def post(client: httpx.Client, body: dict[str, Any]) -> ChatCompletion:
    answer = client.post(CHAT, json=body)
    assert answer.status_code == 200, answer.text
    return exact(ChatCompletion, answer.json())


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"n": 3},
        {"logprobs": True, "top_logprobs": 2},
        {"response_format": FORMAT},
        {"response_format": {"type": "json_object"}, "messages": [{"role": "user", "content": "as JSON"}]},
        {"messages": [{"role": "user", "content": "please refuse"}], "logprobs": True},
        {"service_tier": "priority", "store": True, "metadata": {"a": "b"}, "seed": 1, "user": "u"},
        {"stop": "rehearsed"},
    ],
    ids=lambda more: "-".join(more) or "plain",
)
def test_whole_and_streamed_answers_are_what_the_sdk_describes_and_say_the_same(
    openai: httpx.Client, more: dict[str, Any]
) -> None:
    """G3, G4"""
    body = chat("Hello there", **more)
    whole = post(openai, body)
    streamed = chunks(openai.post(CHAT, json={**body, "stream": True, "stream_options": {"include_usage": True}}))
    assert [chunk.usage for chunk in streamed[:-1]] == [None] * (len(streamed) - 1)
    assert all("usage" in chunk.model_fields_set for chunk in streamed)
    assert streamed[-1].usage == whole.usage
    assert streamed[-1].choices == []
    for choice in whole.choices:
        mine = [c for chunk in streamed for c in chunk.choices if c.index == choice.index]
        assert mine[0].delta.role == "assistant"
        assert mine[-1].finish_reason == choice.finish_reason
        assert "".join(c.delta.content or "" for c in mine) == (choice.message.content or "")
        assert "".join(c.delta.refusal or "" for c in mine) == (choice.message.refusal or "")
        told = [token for c in mine if c.logprobs for token in c.logprobs.content or c.logprobs.refusal or []]
        all_told = choice.logprobs and (choice.logprobs.content or choice.logprobs.refusal)
        assert told == (all_told or [])
        assert all(token.bytes == list(token.token.encode()) for token in told)
    assert {chunk.model for chunk in streamed} == {whole.model} == {"gpt-4o-mini-2024-07-18"}
    assert whole.choices[0].message.annotations == []
    assert whole.service_tier == more.get("service_tier", "default")
    assert whole.system_fingerprint


def test_g4_choices_of_a_stream_come_in_turns(openai: httpx.Client) -> None:
    """G4"""
    streamed = chunks(openai.post(CHAT, json=chat("Hello", n=2, stream=True)))
    order = [choice.index for chunk in streamed for choice in chunk.choices]
    assert order[:6] == [0, 1, 0, 1, 0, 1]
    finished = [c.index for chunk in streamed for c in chunk.choices if c.finish_reason]
    assert sorted(finished) == [0, 1]


def test_a_choice_that_was_cut_says_length_and_one_that_was_stopped_does_not_hold_the_word(
    openai: httpx.Client,
) -> None:
    cut = post(openai, chat("Hello", max_completion_tokens=3))
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage is not None
    assert cut.usage.completion_tokens == 3
    stopped = post(openai, chat("Hello", stop=["rehearsed"])).choices[0]
    assert stopped.finish_reason == "stop"
    assert (stopped.message.content or "").endswith("This is a ")


def test_structured_output_satisfies_its_schema(openai: httpx.Client) -> None:
    text = post(openai, chat("Hello", response_format=FORMAT)).choices[0].message.content
    jsonschema.validate(json.loads(text or ""), ORDER)


def test_the_json_mode_follows_a_schema_in_the_prompt(openai: httpx.Client) -> None:
    system = {"role": "system", "content": f"Answer in JSON {{so}}:\n{json.dumps(ORDER, indent=1)}\nonly."}
    body = chat("Hello", response_format={"type": "json_object"})
    body["messages"].insert(0, system)
    jsonschema.validate(json.loads(post(openai, body).choices[0].message.content or ""), ORDER)


def test_the_official_client_parses_structured_output_and_refusals(sdk: OpenAI) -> None:
    class Item(pydantic.BaseModel):
        name: str
        price: float | None
        tags: list[str]

    class Basket(pydantic.BaseModel):
        items: list[Item]
        paid: bool

    asked: Any = [{"role": "user", "content": "Fill a basket"}]
    parsed = sdk.chat.completions.parse(model="gpt-4o", messages=asked, response_format=Basket)
    assert isinstance(parsed.choices[0].message.parsed, Basket)
    refused: Any = [{"role": "user", "content": "please refuse"}]
    declined = sdk.chat.completions.parse(model="gpt-4o", messages=refused, response_format=Basket)
    assert declined.choices[0].message.parsed is None
    assert declined.choices[0].message.refusal


def test_g19_answers_and_errors_bring_openais_headers(openai: httpx.Client) -> None:
    """G19"""
    answers = [
        openai.post(CHAT, json=chat("Hello")),
        openai.post(CHAT, json=chat("Hello", stream=True)),
        openai.post(CHAT, json=chat("Hello", n=0)),
        openai.get("/v1/models"),
        openai.get("/v1/nothing"),
    ]
    for answer in answers:
        assert set(answer.headers) >= HEADERS, answer.request.url
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


@pytest.mark.parametrize(
    ("detail", "model", "tokens"),
    [("low", "gpt-4o", 85), ("high", "gpt-4o", 85 + 170 * 4), ("low", "gpt-4o-mini", 2833), ("high", "gpt-5", 630)],
)
def test_a_picture_is_billed_by_its_detail(sdk: OpenAI, detail: str, model: str, tokens: int) -> None:
    """By OpenAI's guide: a base, and 170 (or what the model has) for each tile of 512 pixels."""

    def prompt(content: Any) -> int:
        answer = sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": content}])
        assert answer.usage is not None
        return answer.usage.prompt_tokens

    text = {"type": "text", "text": "What is it?"}
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": detail}}
    assert prompt([text, picture]) - prompt([text]) == tokens


def test_reasoning_models_take_what_others_do_not(sdk: OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "Hello"}]
    answer = sdk.chat.completions.create(
        model="gpt-5", messages=asked, reasoning_effort="low", verbosity="low", max_completion_tokens=500
    )
    assert answer.model == "gpt-5-2025-08-07"
    with pytest.raises(package.BadRequestError) as caught:
        sdk.chat.completions.create(model="gpt-5", messages=asked, max_tokens=5)
    assert caught.value.code == "unsupported_parameter"
