"""The request schemas are those of OpenAI's SDK, and bodies are checked against them."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import openai
import pytest

from ops.standins.openai import contract, schema
from ops.standins.openai.errors import ApiError

CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
RESPONSE: dict[str, Any] = {"model": "gpt-4o", "input": "Hello"}
SPOKEN = {"type": "output_text", "text": "x"}
PICTURE = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}}


@pytest.mark.parametrize("endpoint", contract.REQUESTS)
def test_the_schemas_kept_are_those_the_sdk_makes(endpoint: str) -> None:
    kept = (contract.SCHEMAS / f"{endpoint}.json").read_text()
    made = contract.text(contract.make(endpoint))
    assert kept == made, f"run `python -m ops.standins.openai.contract` with openai {openai.__version__}"


@pytest.mark.parametrize("endpoint", contract.REQUESTS)
def test_a_schema_kept_is_a_json_schema(endpoint: str) -> None:
    kept = json.loads((contract.SCHEMAS / f"{endpoint}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(kept)
    assert kept["additionalProperties"] is False


def test_the_chat_schema_has_every_argument_the_client_has() -> None:
    kept = json.loads((contract.SCHEMAS / "chat_completions.json").read_text())
    import inspect

    own = {"self", "extra_headers", "extra_query", "extra_body", "timeout"}
    client = set(inspect.signature(openai.resources.chat.Completions.create).parameters) - own
    assert set(kept["properties"]) == client


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat_completions", CHAT),
        ("chat_completions", {**CHAT, "stream": None, "stop": ["a"], "temperature": 1, "logit_bias": {"1": -5}}),
        ("chat_completions", {**CHAT, "messages": [{"role": "user", "content": [PICTURE]}]}),
        ("chat_completions", {**CHAT, "tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ("responses", RESPONSE),
        ("responses", {**RESPONSE, "input": [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "a"}]}),
        ("responses", {**RESPONSE, "tools": [{"type": "function", "name": "f"}]}),
        ("responses", {**RESPONSE, "tools": [{"type": "web_search"}], "text": {"format": {"type": "text"}}}),
        ("responses", {**RESPONSE, "input": [{"role": "assistant", "content": [SPOKEN]}]}),
        ("embeddings", {"model": "m", "input": [[1, 2], [3]]}),
    ],
)
def test_what_the_types_allow_passes_both_this_checker_and_another(endpoint: str, body: dict[str, Any]) -> None:
    kept = json.loads((contract.SCHEMAS / f"{endpoint}.json").read_text())
    jsonschema.Draft202012Validator(kept).validate(body)
    schema.load(endpoint).check(body)


@pytest.mark.parametrize(
    ("endpoint", "change", "param", "code"),
    [
        pytest.param("chat_completions", {"messages": [{"role": ["user"], "content": "x"}]}, "messages[0].role",
                     "invalid_type", id="G15 a role that is a list"),
        pytest.param("chat_completions", {"messages": [{"role": {}, "content": "x"}]}, "messages[0].role",
                     "invalid_type", id="G15 a role that is an object"),
        ("chat_completions", {"messages": [{"role": "boss", "content": "x"}]}, "messages[0].role", "invalid_value"),
        ("chat_completions", {"messages": [{"content": "x"}]}, "messages[0].role", "missing_required_parameter"),
        ("chat_completions", {"messages": ["x"]}, "messages[0]", "invalid_type"),
        ("chat_completions", {"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
        ("chat_completions", {"messages": [{"role": "user", "content": "x", "at": 1}]}, "messages[0].at",
         "unknown_parameter"),
        ("chat_completions", {"messages": [{"role": "user", "content": [{"type": "txt"}]}]},
         "messages[0].content[0].type", "invalid_value"),
        ("chat_completions", {"messages": [{"role": "assistant", "tool_calls": None}]}, "messages[0].tool_calls",
         "invalid_type"),
        ("chat_completions", {"temperature": "1"}, "temperature", "invalid_type"),
        ("chat_completions", {"n": True}, "n", "invalid_type"),
        ("chat_completions", {"n": 1.5}, "n", "invalid_type"),
        ("chat_completions", {"stream": "yes"}, "stream", "invalid_type"),
        ("chat_completions", {"response_format": {"type": "json"}}, "response_format.type", "invalid_value"),
        ("chat_completions", {"response_format": {"type": "json_schema"}}, "response_format.json_schema",
         "missing_required_parameter"),
        ("chat_completions", {"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
        ("chat_completions", {"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
        ("chat_completions", {"reasoning_effort": "huge"}, "reasoning_effort", "invalid_value"),
        ("responses", {"input": [{"role": "user"}]}, "input[0].content", "missing_required_parameter"),
        ("responses", {"input": [{"type": "messages", "role": "user", "content": "x"}]}, "input[0].type",
         "invalid_value"),
        ("responses", {"input": [{"role": "tool", "content": "x"}]}, "input[0].role", "invalid_value"),
        ("responses", {"input": 5}, "input", "invalid_type"),
        ("responses", {"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format.schema",
         "missing_required_parameter"),
        ("responses", {"include": ["everything"]}, "include[0]", "invalid_value"),
        ("responses", {"truncation": "yes"}, "truncation", "invalid_value"),
        ("responses", {"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name",
         "missing_required_parameter"),
    ],
)  # fmt: skip
def test_what_the_types_forbid_is_refused_by_name(endpoint: str, change: dict[str, Any], param: str, code: str) -> None:
    body = {**(CHAT if endpoint == "chat_completions" else RESPONSE), **change}
    kept = json.loads((contract.SCHEMAS / f"{endpoint}.json").read_text())
    assert not jsonschema.Draft202012Validator(kept).is_valid(body)
    with pytest.raises(ApiError) as caught:
        schema.load(endpoint).check(body)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert param in caught.value.message or code == "invalid_value"
