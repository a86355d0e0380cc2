"""Chat completions that call tools."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jsonschema
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from tests.standins.openai.ask import CHAT, ORDER, chat, chat_tool
from tests.standins.openai.exact import chunks, exact

TOOLS = [chat_tool("track"), chat_tool("refund"), chat_tool("weather", {"type": "object", "properties": {}})]


def called(answer: ChatCompletion) -> list[str]:
    choice = answer.choices[0]
    assert choice.finish_reason == ("tool_calls" if choice.message.tool_calls else "stop")
    names = []
    for call in choice.message.tool_calls or []:
        assert call.type == "function"
        names.append(call.function.name)
    return names


def post(client: httpx.Client, body: dict[str, Any]) -> ChatCompletion:
    answer = client.post(CHAT, json=body)
    assert answer.status_code == 200, answer.text
    return exact(ChatCompletion, answer.json())


@pytest.mark.parametrize(
    ("question", "more", "names"),
    [
        ("Where is it?", {}, ["track"]),
        ("refund it, then track it", {}, ["track", "refund"]),
        ("refund it, then track it", {"parallel_tool_calls": False}, ["track"]),
        ("Where is it?", {"tool_choice": "none"}, []),
        ("Where is it?", {"tool_choice": "required"}, ["track"]),
        ("track it", {"tool_choice": {"type": "function", "function": {"name": "refund"}}}, ["refund"]),
    ],
)
def test_the_tools_a_question_names_are_called(
    openai: httpx.Client, question: str, more: dict[str, Any], names: list[str]
) -> None:
    assert called(post(openai, chat(question, tools=TOOLS, **more))) == names


@pytest.mark.parametrize(("mode", "names"), [("auto", ["refund", "weather"]), ("required", ["refund", "weather"])])
def test_g23_allowed_tools_are_the_only_ones_called(openai: httpx.Client, mode: str, names: list[str]) -> None:
    """G23"""
    allowed = [{"type": "function", "function": {"name": name}} for name in names]
    choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": allowed}}
    assert called(post(openai, chat("track, refund, weather", tools=TOOLS, tool_choice=choice))) == names


def test_arguments_satisfy_the_schema_of_the_function(openai: httpx.Client) -> None:
    answer = post(openai, chat("track", tools=[chat_tool("track", strict=True)]))
    call = (answer.choices[0].message.tool_calls or [])[0]
    assert call.type == "function"
    jsonschema.validate(json.loads(call.function.arguments), ORDER)


def test_a_call_beyond_the_limit_is_cut_and_says_length(openai: httpx.Client) -> None:
    answer = post(openai, chat("track it " * 10, tools=[chat_tool("track")], max_completion_tokens=5))
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 5
    calls = answer.choices[0].message.tool_calls or []
    assert calls[0].type == "function"
    assert len(calls[0].function.arguments) == 20


def test_a_custom_tool_is_called_with_free_text(openai: httpx.Client) -> None:
    answer = post(openai, chat("run this", tools=[{"type": "custom", "custom": {"name": "run"}}]))
    call = (answer.choices[0].message.tool_calls or [])[0]
    assert call.type == "custom"
    assert call.custom.input == "run this"


def test_the_old_functions_are_called_the_old_way(openai: httpx.Client) -> None:
    functions = [{"name": "track", "parameters": ORDER}]
    choice = post(openai, chat("track", functions=functions)).choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.function_call is not None
    jsonschema.validate(json.loads(choice.message.function_call.arguments), ORDER)
    streamed = chunks(openai.post(CHAT, json=chat("track", functions=functions, stream=True)))
    deltas = [chunk.choices[0].delta.function_call for chunk in streamed]
    text = "".join(delta.arguments or "" for delta in deltas if delta)
    assert text == choice.message.function_call.arguments


def test_streamed_calls_add_up_to_the_whole_ones(openai: httpx.Client) -> None:
    body = chat("track and refund", tools=TOOLS)
    whole = post(openai, body).choices[0].message.tool_calls or []
    streamed = chunks(openai.post(CHAT, json={**body, "stream": True}))
    assert streamed[0].choices[0].delta.role == "assistant"
    assert streamed[-1].choices[0].finish_reason == "tool_calls"
    names: dict[int, str] = {}
    texts: dict[int, str] = {}
    ids: dict[int, str] = {}
    for chunk in streamed:
        for call in chunk.choices[0].delta.tool_calls or []:
            assert call.function is not None
            if call.id:
                assert call.type == "function"
                ids[call.index], names[call.index] = call.id, call.function.name or ""
            texts[call.index] = texts.get(call.index, "") + (call.function.arguments or "")
    assert list(names.values()) == ["track", "refund"]
    assert len(set(ids.values())) == 2
    assert list(texts.values()) == [call.function.arguments for call in whole if call.type == "function"]
    assert len([c for c in streamed if c.choices[0].delta.tool_calls]) > 4, "in pieces"


def test_a_tool_loop_driven_by_the_official_client(sdk: OpenAI) -> None:
    """The answer is sent back as the SDK's own object, as OpenAI's guide does."""
    messages: list[Any] = [{"role": "user", "content": "track it, then refund it"}]
    seen = []
    while True:
        answer = sdk.chat.completions.create(
            model="gpt-4o", messages=messages, tools=TOOLS, parallel_tool_calls=False  # type: ignore[arg-type]
        )  # fmt: skip
        message = answer.choices[0].message
        messages.append(message)
        if not message.tool_calls:
            break
        for call in message.tool_calls:
            assert call.type == "function"
            seen.append(call.function.name)
            messages.append({"role": "tool", "tool_call_id": call.id, "content": f"done {call.function.name}"})
    assert seen == ["track", "refund"]
    assert "The tools said: done track; done refund." in (message.content or "")


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5"])
def test_the_streaming_helper_of_the_official_client_takes_it(sdk: OpenAI, model: str) -> None:
    with sdk.chat.completions.stream(
        model=model,
        messages=[{"role": "user", "content": "track"}],
        tools=[chat_tool("track", strict=True)],  # type: ignore[list-item]
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds
    calls = final.choices[0].message.tool_calls or []
    assert calls[0].function.parsed_arguments
