"""What OpenAI refuses of a Responses request, beyond what its types say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ops.standins.openai import rules, strict
from ops.standins.openai.chat_rules import document, picture
from ops.standins.openai.errors import invalid, missing, unknown, unsupported
from ops.standins.openai.models import Model
from ops.standins.openai.schema import load

LEAST_OUTPUT_TOKENS = 16


def check(body: Mapping[str, Any], model: Model | None) -> None:
    """Raise ApiError for what OpenAI refuses; ``model`` is None when it is not served, which is not said here."""
    contract = load("responses")
    if extra := contract.unknown(body):
        raise unknown(extra[0])
    contract.check(body)
    prompt = body.get("prompt")
    if body.get("model") is None and prompt is None:
        raise missing("model")
    sources = ("input", "previous_response_id", "prompt", "conversation")
    if all(body.get(name) is None for name in sources):
        said = "One of \"input\" or \"previous_response_id\" or 'prompt' or 'conversation_id' must be provided."
        raise invalid(said, "input", "missing_required_parameter")
    if body.get("previous_response_id") is not None and body.get("conversation") is not None:
        said = (
            "Mutually exclusive parameters: 'previous_response_id' and 'conversation'. Ensure you are only providing "
            "one of them."
        )
        raise invalid(said, None, "mutually_exclusive_parameters")
    for name, prefix in (("previous_response_id", "resp"), ("conversation", "conv"), ("prompt", "pmpt")):
        _identifier(body.get(name), name, prefix)
    rules.sampling(body)
    rules.within(body, "max_output_tokens", LEAST_OUTPUT_TOKENS)
    rules.within(body, "max_tool_calls", 1)
    _modes(body)
    _tools(body)
    _format(body)
    if isinstance(body.get("input"), list):
        items(body["input"], "input")
    if model is not None:
        _capabilities(body, model)


def _identifier(given: object, name: str, prefix: str) -> None:
    value = given.get("id") if isinstance(given, dict) else given
    if isinstance(value, str) and not value.startswith(prefix):
        raise invalid(f"Invalid '{name}': '{value}'. Expected an ID that begins with '{prefix}'.", name)


def _modes(body: Mapping[str, Any]) -> None:
    if body.get("stream_options") is not None and not body.get("stream"):
        said = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise invalid(said, "stream_options", None)
    if body.get("background") and body.get("store") is False:
        raise invalid("Background responses need 'store' to be true.", "background", None)
    if "background_options" in body and not body.get("background"):
        raise invalid("'background_options' is only allowed when 'background' is true.", "background_options", None)


def _tools(body: Mapping[str, Any]) -> None:
    tools = body.get("tools") or ()
    rules.few(tools, "tools", rules.TOOLS)
    names = []
    for at, tool in enumerate(tools):
        if tool["type"] not in ("function", "custom"):
            continue
        rules.named(tool["name"], f"tools[{at}].name")
        names.append(tool["name"])
        if tool.get("strict"):
            strict.check(
                tool.get("parameters") or {},
                f"function '{tool['name']}'",
                f"tools[{at}].parameters",
                "invalid_function_parameters",
            )
    for name in chosen(body.get("tool_choice")):
        if name not in names:
            raise invalid(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice", None)


def chosen(choice: object) -> list[str]:
    """The names of the function and custom tools a ``tool_choice`` allows; empty when it names none."""
    if not isinstance(choice, dict):
        return []
    allowed = choice["tools"] if choice.get("type") == "allowed_tools" else [choice]
    return [str(tool["name"]) for tool in allowed if tool.get("type") in ("function", "custom")]


def _format(body: Mapping[str, Any]) -> None:
    wanted = (body.get("text") or {}).get("format") or {}
    if wanted.get("type") == "json_schema":
        rules.named(wanted["name"], "text.format.name")
        if wanted.get("strict"):
            what = f"response_format '{wanted['name']}'"
            strict.check(wanted["schema"], what, "text.format.schema", "invalid_json_schema")
    if wanted.get("type") == "json_object":
        words = json.dumps([body.get("input"), body.get("instructions")]).lower()
        if "json" not in words and body.get("input") is not None:
            said = (
                "Response input messages must contain the word 'json' in some form to use 'text.format' of type "
                "'json_object'."
            )
            raise invalid(said, "input", None)


def items(given: Sequence[Mapping[str, Any]], path: str) -> None:
    """Raise ApiError for input items that OpenAI refuses: pictures that are none, an id given twice."""
    seen = set()
    for at, item in enumerate(given):
        if (identifier := item.get("id")) is not None and item.get("type") != "item_reference":
            if identifier in seen:
                said = (
                    f"Duplicate item found with id {identifier}. Remove duplicate items from your input and try again."
                )
                raise invalid(said, path, None)
            seen.add(identifier)
        content = item.get("content")
        for index, part in enumerate(content if isinstance(content, list) else ()):
            if part.get("type") == "input_file" and part.get("file_url") is None:
                document(part, f"{path}[{at}].content[{index}]")
            if part.get("type") != "input_image":
                continue
            if (part.get("image_url") is None) == (part.get("file_id") is None):
                said = "One of 'image_url' and 'file_id' must be provided."
                raise invalid(said, f"{path}[{at}].content[{index}]", "missing_required_parameter")
            if part.get("image_url") is not None:
                picture(part["image_url"], f"{path}[{at}].content[{index}].image_url")


def answered(context: Sequence[Mapping[str, Any]]) -> None:
    """Raise ApiError unless each call in ``context`` has an output, and each output a call before it."""
    open_calls: dict[str, None] = {}
    made = set()
    for item in context:
        kind = str(item.get("type"))
        if kind in ("function_call", "custom_tool_call"):
            open_calls[item["call_id"]] = None
            made.add(item["call_id"])
        elif kind in ("function_call_output", "custom_tool_call_output"):
            if item.get("call_id") not in made:
                name = kind.removesuffix("_output").replace("_", " ")
                raise invalid(
                    f"No tool call found for {name} output with call_id {item.get('call_id')}.", "input", None
                )
            open_calls.pop(item["call_id"], None)
    if open_calls:
        raise invalid(f"No tool output found for function call {next(iter(open_calls))}.", "input", None)


def _capabilities(body: Mapping[str, Any], model: Model) -> None:
    text = body.get("text") or {}
    if not model.verbosity and text.get("verbosity") not in (None, "medium"):
        said = (
            f"Unsupported value: '{text['verbosity']}' is not supported with the '{model.dated}' model. "
            "Supported values are: 'medium'."
        )
        raise invalid(said, "text.verbosity", "unsupported_value")
    if model.reasoning:
        for name in ("temperature", "top_p", "top_logprobs"):
            if body.get(name) not in (None, 1, 0):
                raise unsupported(name)
        return
    for name, value in (body.get("reasoning") or {}).items():
        if value is not None:
            raise unsupported(f"reasoning.{name}")
    if "reasoning.encrypted_content" in (body.get("include") or ()):
        raise invalid("Encrypted content is not supported with this model.", "include", None)
