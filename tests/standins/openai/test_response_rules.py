"""Responses requests that OpenAI refuses for what no type says."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.standins.openai.ask import ORDER, RESPONSES, response, tool

CALL = {"type": "function_call", "call_id": "call_1", "name": "track", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": "shipped"}
USER = {"role": "user", "content": "Hello"}
LOOSE = {**ORDER, "additionalProperties": True}


def content(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"input": [{"role": "user", "content": list(parts)}]}


def formatted(schema: dict[str, Any], name: str = "order") -> dict[str, Any]:
    return {"text": {"format": {"type": "json_schema", "name": name, "schema": schema, "strict": True}}}


@pytest.mark.parametrize(
    ("change", "message", "param", "code"),
    [
        ({"messages": []}, "Unknown parameter: 'messages'.", "messages", "unknown_parameter"),
        ({"max_tokens": 5}, "Unknown parameter: 'max_tokens'.", "max_tokens", "unknown_parameter"),
        ({"input": [{**USER, "at": 1}]}, "Unknown parameter: 'input[0].at'.", "input[0].at", "unknown_parameter"),
        ({"model": None}, "Missing required parameter: 'model'.", "model", "missing_required_parameter"),
        ({"input": None}, "must be provided", "input", "missing_required_parameter"),
        ({"previous_response_id": "resp_1", "conversation": "conv_1"}, "Mutually exclusive", None,
         "mutually_exclusive_parameters"),
        ({"previous_response_id": "chatcmpl-1"}, "begins with 'resp'", "previous_response_id", "invalid_value"),
        ({"conversation": {"id": "thread_1"}}, "begins with 'conv'", "conversation", "invalid_value"),
        ({"temperature": 2.5}, "<= 2", "temperature", "decimal_above_max_value"),
        ({"top_logprobs": 21}, "<= 20", "top_logprobs", "integer_above_max_value"),
        ({"max_output_tokens": 15}, ">= 16", "max_output_tokens", "integer_below_min_value"),
        ({"metadata": {str(at): "" for at in range(17)}}, "at most 16", "metadata", "object_above_max_properties"),
        ({"stream_options": {"include_obfuscation": False}}, "only allowed when 'stream'", "stream_options", None),
        ({"background": True, "store": False}, "'store'", "background", None),
        ({"tools": [tool(f"t{at}") for at in range(129)]}, "maximum length 128", "tools",
         "array_above_max_length"),
        ({"tools": [tool("two words")]}, "does not match pattern", "tools[0].name", "invalid_value"),
        ({"tools": [tool("track", LOOSE)]}, "Invalid schema for function 'track'", "tools[0].parameters",
         "invalid_function_parameters"),
        ({"tools": [tool("track")], "tool_choice": {"type": "function", "name": "other"}}, "'other' not found",
         "tool_choice", None),
        (formatted(LOOSE), "'additionalProperties'", "text.format.schema", "invalid_json_schema"),
        (formatted(ORDER, "an order"), "does not match pattern", "text.format.name", "invalid_value"),
        ({"text": {"format": {"type": "json_object"}}}, "the word 'json'", "input", None),
        ({"input": [USER, CALL]}, "No tool output found for function call call_1.", "input", None),
        ({"input": [USER, OUTPUT]}, "No tool call found for function call output with call_id call_1.", "input", None),
        ({"input": [{**CALL, "id": "fc_1"}, {**CALL, "id": "fc_1"}]}, "Duplicate item found with id fc_1", "input",
         None),
        (content({"type": "input_image"}), "must be provided", "input[0].content[0]", "missing_required_parameter"),
        (content({"type": "input_image", "image_url": "a.png"}), "Expected a valid URL",
         "input[0].content[0].image_url", "invalid_value"),
        (content({"type": "input_file", "file_id": "x"}), "begins with 'file'", "input[0].content[0].file_id",
         "invalid_value"),
        ({"reasoning": {"effort": "low"}}, "'reasoning.effort' is not supported", "reasoning.effort",
         "unsupported_parameter"),
        ({"include": ["reasoning.encrypted_content"]}, "not supported with this model", "include", None),
        ({"text": {"verbosity": "low"}}, "not supported with the 'gpt-4o-mini-2024-07-18' model", "text.verbosity",
         "unsupported_value"),
    ],
)  # fmt: skip
def test_refused(
    openai: httpx.Client, change: dict[str, Any], message: str, param: str | None, code: str | None
) -> None:
    body = {name: value for name, value in {**response("Hello"), **change}.items() if value is not None}
    answer = openai.post(RESPONSES, json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert message in error["message"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", param, code)


@pytest.mark.parametrize(
    "change",
    [
        {"max_output_tokens": 16, "temperature": 0, "top_p": 1, "top_logprobs": 20},
        {"tools": [], "reasoning": {}, "reasoning ": None} | {"tool_choice": "auto"},
        {"tools": [tool("track", LOOSE, strict=None)]},
        {"tools": [tool("track", LOOSE, strict=False)]},
        {"tools": [{"type": "function", "name": "track", "parameters": ORDER}]},
        {"input": [USER, CALL, OUTPUT]},
        {"prompt": {"id": "pmpt_1", "variables": {"city": "Paris"}}, "model": None, "input": None},
        {"stream": True, "stream_options": {"include_obfuscation": False}},
        {"model": "gpt-4o-2024-08-06"},
    ],
)
def test_taken(openai: httpx.Client, change: dict[str, Any]) -> None:
    body = {name: value for name, value in {**response("Hello"), **change}.items() if value is not None}
    answer = openai.post(RESPONSES, json=body)
    assert answer.status_code == 200, answer.text


def test_g16_an_unknown_model_is_a_404(openai: httpx.Client) -> None:
    """G16"""
    answer = openai.post(RESPONSES, json=response("Hello", model="gpt-9"))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"


def test_a_prompt_is_answered_by_its_variables(openai: httpx.Client) -> None:
    body = {"prompt": {"id": "pmpt_1", "variables": {"city": "Paris"}}}
    made = openai.post(RESPONSES, json=body).json()
    assert "city=Paris" in made["output"][0]["content"][0]["text"]
