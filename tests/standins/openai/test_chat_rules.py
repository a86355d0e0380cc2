"""Chat requests that OpenAI refuses for what no type says."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from tests.standins.openai.ask import CHAT, ORDER, chat, chat_tool

CALL = {"id": "call_1", "type": "function", "function": {"name": "track", "arguments": "{}"}}
CALLED = {"role": "assistant", "tool_calls": [CALL]}
USER = {"role": "user", "content": "Hello"}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "shipped"}
LOOSE = {**ORDER, "additionalProperties": True}
TOOL = chat_tool("track")


def parts(*content: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(content)}]}


def picture(url: str) -> dict[str, Any]:
    return parts({"type": "image_url", "image_url": {"url": url}})


def described(schema: dict[str, Any], name: str = "order", strict: bool = True) -> dict[str, Any]:
    said = {"name": name, "schema": schema, "strict": strict}
    return {"response_format": {"type": "json_schema", "json_schema": said}}


@pytest.mark.parametrize(
    ("change", "message", "param", "code"),
    [
        ({"colour": "red"}, "Unrecognized request argument supplied: colour", None, None),
        ({"a": 1, "b": 2}, "Unrecognized request arguments supplied: a, b", None, None),
        ({"model": None}, "you must provide a model parameter", None, None),
        ({"model": ""}, "you must provide a model parameter", None, None),
        ({"messages": []}, "empty array", "messages", "empty_array"),
        ({"temperature": 2.1}, "<= 2, but got 2.1", "temperature", "decimal_above_max_value"),
        ({"temperature": -1}, ">= 0, but got -1", "temperature", "integer_below_min_value"),
        ({"top_p": 1.5}, "<= 1", "top_p", "decimal_above_max_value"),
        ({"presence_penalty": -2.5}, ">= -2", "presence_penalty", "decimal_below_min_value"),
        ({"frequency_penalty": 2.5}, "<= 2", "frequency_penalty", "decimal_above_max_value"),
        ({"n": 0}, ">= 1", "n", "integer_below_min_value"),
        ({"n": 129}, "<= 128", "n", "integer_above_max_value"),
        ({"max_tokens": 0}, ">= 1", "max_tokens", "integer_below_min_value"),
        ({"max_tokens": 16_385}, "supports at most 16384", "max_tokens", "invalid_value"),
        ({"max_completion_tokens": 20_000}, "supports at most 16384", "max_completion_tokens", "invalid_value"),
        ({"max_tokens": 5, "max_completion_tokens": 5}, "at the same time", "max_tokens",
         "invalid_parameter_combination"),
        ({"stop": list("abcde")}, "maximum length 4", "stop", "array_above_max_length"),
        pytest.param({"logit_bias": {str(at): 1 for at in range(301)}}, "at most 300", "logit_bias",
                     "object_above_max_properties", id="G14 logit_bias"),
        ({"logit_bias": {"word": 1}}, "non-negative integers", "logit_bias", None),
        ({"logit_bias": {"1": 101}}, "<= 100", "logit_bias.1", "integer_above_max_value"),
        pytest.param({"stream_options": {"include_usage": True}}, "only allowed when 'stream'", "stream_options",
                     None, id="G24 stream_options without stream"),
        ({"stream": False, "stream_options": {}}, "only allowed when 'stream'", "stream_options", None),
        ({"top_logprobs": 2}, "must be set to true", "logprobs", None),
        ({"logprobs": True, "top_logprobs": 21}, "<= 20", "top_logprobs", "integer_above_max_value"),
        ({"metadata": {str(at): "" for at in range(17)}}, "at most 16", "metadata", "object_above_max_properties"),
        ({"metadata": {"k" * 65: ""}}, "maximum length 64", "metadata", "string_above_max_length"),
        ({"metadata": {"k": "v" * 513}}, "maximum length 512", "metadata.k", "string_above_max_length"),
        ({"safety_identifier": "s" * 129}, "maximum length 128", "safety_identifier", "string_above_max_length"),
        ({"tools": []}, "empty array", "tools", "empty_array"),
        ({"tools": [TOOL] * 129}, "maximum length 128", "tools", "array_above_max_length"),
        ({"tools": [chat_tool("two words")]}, "does not match pattern", "tools[0].function.name", "invalid_value"),
        ({"tools": [chat_tool("n" * 65)]}, "maximum length 64", "tools[0].function.name", "string_above_max_length"),
        ({"tools": [chat_tool("")]}, "empty string", "tools[0].function.name", "empty_string"),
        ({"tools": [chat_tool("track", LOOSE, strict=True)]}, "Invalid schema for function 'track'",
         "tools[0].function.parameters", "invalid_function_parameters"),
        ({"tool_choice": "auto"}, "only allowed when 'tools'", "tool_choice", None),
        ({"parallel_tool_calls": True}, "only allowed when 'tools'", "parallel_tool_calls", None),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "other"}}}, "'other'",
         "tool_choice", None),
        (described(LOOSE), "'additionalProperties' is required to be supplied and to be false", "response_format",
         None),
        (described(ORDER, name="an order"), "does not match pattern", "response_format.json_schema.name",
         "invalid_value"),
        ({"response_format": {"type": "json_object"}}, "must contain the word 'json'", "messages", None),
        ({"messages": [USER, RESULT]}, "must be a response to a preceeding message", "messages.[1].role", None),
        ({"messages": [USER, CALLED, USER]}, "did not have response messages: call_1", "messages.[2].role", None),
        ({"messages": [USER, CALLED]}, "did not have response messages: call_1", "messages.[1].role", None),
        ({"messages": [USER, CALLED, {**RESULT, "tool_call_id": "call_2"}]}, "must be a response",
         "messages.[2].role", None),
        ({"messages": [USER, {"role": "assistant", "tool_calls": []}]}, "empty array", "messages[1].tool_calls",
         "empty_array"),
        ({"messages": [USER, {"role": "assistant", "content": None}]}, "'content'", "messages.[1].content", None),
        (picture("file:///etc/passwd"), "Expected a valid URL", "messages[0].content[0].image_url.url",
         "invalid_value"),
        (picture("data:text/plain;base64,AAAA"), "image MIME type", "messages[0].content[0].image_url.url",
         "invalid_value"),
        (parts({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}}), "Missing required",
         "messages[0].content[0].file.file_id", "missing_required_parameter"),
        (parts({"type": "file", "file": {"file_id": "abc"}}), "begins with 'file'",
         "messages[0].content[0].file.file_id", "invalid_value"),
        ({"reasoning_effort": "low"}, "Unrecognized request argument supplied: reasoning_effort", None, None),
        ({"verbosity": "low"}, "'verbosity' does not support 'low'", "verbosity", "unsupported_value"),
        ({"web_search_options": {}}, "Unknown parameter: 'web_search_options'.", "web_search_options",
         "unknown_parameter"),
        ({"modalities": ["audio"]}, "Missing required parameter: 'audio'", "audio", "missing_required_parameter"),
        ({"messages": [{"role": "user", "content": "x" * 600_000}]}, "maximum context length is 128000", "messages",
         "context_length_exceeded"),
    ],
)  # fmt: skip
def test_refused(
    openai: httpx.Client, change: dict[str, Any], message: str, param: str | None, code: str | None
) -> None:
    body = {name: value for name, value in {**chat("Hello"), **change}.items() if value is not None}
    answer = openai.post(CHAT, json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert message in error["message"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


@pytest.mark.parametrize(
    "change",
    [
        {"n": 2, "temperature": 2, "top_p": 0, "presence_penalty": -2, "frequency_penalty": 2},
        {"max_completion_tokens": 16_384, "stop": list("abcd"), "logit_bias": {str(at): -100 for at in range(300)}},
        {"stream": True, "stream_options": {"include_usage": True}},
        {"logprobs": True, "top_logprobs": 20},
        {"metadata": {"k" * 64: "v" * 512} | {str(at): "" for at in range(15)}},
        {"tools": [chat_tool(f"t-{at}_A") for at in range(128)], "tool_choice": "required"},
        {"tools": [chat_tool("track", LOOSE, strict=False)]},
        described(LOOSE, strict=False),
        {"messages": [USER, CALLED, RESULT]},
        {"messages": [{"role": "developer", "content": "x"}, USER, {"role": "assistant", "refusal": "no"}, USER]},
        picture("https://example.com/a.png"),
        picture("data:image/png;base64,iVBORw0KGgo="),
        parts({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}}),
        {"verbosity": "medium", "service_tier": "auto", "prediction": {"type": "content", "content": "x"}},
        {"model": "gpt-4o-mini-2024-07-18"},
    ],
)
def test_taken_at_the_very_limits(openai: httpx.Client, change: dict[str, Any]) -> None:
    answer = openai.post(CHAT, json={**chat("Hello"), **change})
    assert answer.status_code == 200, answer.text


def test_a_tool_that_answers_twice_is_still_an_answer_to_its_call(openai: httpx.Client) -> None:
    body = chat("Hello", messages=[USER, CALLED, RESULT, copy.deepcopy(RESULT)])
    assert openai.post(CHAT, json=body).status_code == 200


@pytest.mark.parametrize(
    ("content", "headers"),
    [(b"{", {}), (b"[]", {}), (b"a=b", {"content-type": "application/x-www-form-urlencoded"})],
)
def test_a_body_that_is_no_json_object_is_refused(
    openai: httpx.Client, content: bytes, headers: dict[str, str]
) -> None:
    answer = openai.post(CHAT, content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/assistants"), ("POST", "/v1/images/generations"), ("DELETE", "/v1/chat")]
)
def test_g21_everything_else_is_a_404_in_openais_shape(openai: httpx.Client, method: str, path: str) -> None:
    """G21"""
    answer = openai.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"Invalid URL ({method} {path})"
