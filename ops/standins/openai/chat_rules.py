"""What OpenAI refuses of a chat completions request, beyond what its types say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ops.standins.openai import rules, strict
from ops.standins.openai.errors import invalid, missing, unknown, unsupported
from ops.standins.openai.models import Model, given
from ops.standins.openai.schema import load

CHOICES = 128
STOPS = 4
# Not in the reference any more; OpenAI's service refused the 301st, as client libraries note.
LOGIT_BIASES = 300
# By OpenAI's guide to reasoning models; `stop` by the reference.
NOT_REASONING = ("presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias")


def check(body: Mapping[str, Any], model: Model | None) -> None:
    """Raise ApiError for what OpenAI refuses; ``model`` is None when it is not served, which is not said here."""
    contract = load("chat_completions")
    if extra := contract.unknown(body):
        plural = "s" if len(extra) > 1 else ""
        raise invalid(f"Unrecognized request argument{plural} supplied: {', '.join(extra)}", code=None)
    if "messages" in body:
        given(body)
    contract.check(body)
    rules.some(body["messages"], "messages")
    rules.sampling(body)
    rules.within(body, "n", 1, CHOICES)
    rules.within(body, "presence_penalty", -2, 2)
    rules.within(body, "frequency_penalty", -2, 2)
    rules.within(body, "max_tokens", 1)
    rules.within(body, "max_completion_tokens", 1)
    _combinations(body)
    _lists(body)
    _tools(body)
    _format(body)
    _order(body["messages"])
    _parts(body["messages"])
    if model is not None:
        _capabilities(body, model)


def _combinations(body: Mapping[str, Any]) -> None:
    if body.get("stream_options") is not None and not body.get("stream"):
        said = "The 'stream_options' parameter is only allowed when 'stream' is enabled."
        raise invalid(said, "stream_options", None)
    if body.get("top_logprobs") is not None and not body.get("logprobs"):
        said = "The 'logprobs' parameter must be set to true when 'top_logprobs' is used."
        raise invalid(said, "logprobs", None)
    if body.get("max_tokens") is not None and body.get("max_completion_tokens") is not None:
        said = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
        raise invalid(said, "max_tokens", "invalid_parameter_combination")
    if "audio" in (body.get("modalities") or ()) and body.get("audio") is None:
        raise invalid("Missing required parameter: 'audio'.", "audio", "missing_required_parameter")


def _lists(body: Mapping[str, Any]) -> None:
    stops = body.get("stop")
    if isinstance(stops, list):
        rules.few(stops, "stop", STOPS)
    biases = body.get("logit_bias") or {}
    if len(biases) > LOGIT_BIASES:
        said = (
            f"Invalid 'logit_bias': too many properties. Expected an object with at most {LOGIT_BIASES} properties, "
            f"but got an object with {len(biases)} properties instead."
        )
        raise invalid(said, "logit_bias", "object_above_max_properties")
    for token, bias in biases.items():
        if not token.isdecimal():
            said = f"Invalid key in 'logit_bias': {token}. You should only be submitting non-negative integers."
            raise invalid(said, "logit_bias", None)
        rules.within({f"logit_bias.{token}": bias}, f"logit_bias.{token}", -100, 100)


def _tools(body: Mapping[str, Any]) -> None:
    names = []
    for field, path in (("tools", "tools[{}].function"), ("functions", "functions[{}]")):
        if (listed := body.get(field)) is None:
            continue
        rules.some(listed, field)
        rules.few(listed, field, rules.TOOLS)
        for at, tool in enumerate(listed):
            kind = tool.get("type", "function")
            place = path.format(at).replace("function", kind) if field == "tools" else path.format(at)
            one = tool[kind] if field == "tools" else tool
            rules.named(one["name"], f"{place}.name")
            names.append(one["name"])
            if one.get("strict"):
                strict.check(one.get("parameters") or {}, f"function '{one['name']}'", f"{place}.parameters",
                             "invalid_function_parameters")  # fmt: skip
    for field, needed in (("tool_choice", "tools"), ("parallel_tool_calls", "tools"), ("function_call", "functions")):
        if field in body and body.get(needed) is None and body[field] != "none":
            said = f"Invalid value for '{field}': '{field}' is only allowed when '{needed}' are specified."
            raise invalid(said, field, None)
    for name in chosen(body.get("tool_choice")) + chosen(body.get("function_call")):
        if name not in names:
            field = "tool_choice" if "tool_choice" in body else "function_call"
            raise invalid(f"Invalid value for '{field}': no function named '{name}' was specified.", field, None)


def chosen(choice: object) -> list[str]:
    """The names of the tools a ``tool_choice`` or ``function_call`` allows; empty when it names none."""
    if not isinstance(choice, dict):
        return []
    if choice.get("type") == "allowed_tools":
        allowed = choice["allowed_tools"]["tools"]
        return [str((tool.get("function") or tool.get("custom") or tool).get("name")) for tool in allowed]
    return [str(choice.get(choice.get("type", ""), choice).get("name"))]


def _format(body: Mapping[str, Any]) -> None:
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        described = wanted["json_schema"]
        rules.named(described["name"], "response_format.json_schema.name")
        if described.get("strict"):
            strict.check(
                described.get("schema") or {}, f"response_format '{described['name']}'", "response_format", None
            )
    if wanted.get("type") == "json_object" and not any(
        re.search("json", text_of(message.get("content")), re.IGNORECASE) for message in body["messages"]
    ):
        said = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
        raise invalid(said, "messages", None)


def text_of(content: Any) -> str:
    """The text of a message's content, which is a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if part.get("type") == "text")
    return ""


def _order(messages: Sequence[Mapping[str, Any]]) -> None:
    """Each tool message answers a call of the assistant message before it, and each call is answered."""
    open_calls: list[str] = []
    answered: set[str] = set()
    for at, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in {*open_calls, *answered}:
                said = (
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'."
                )
                raise invalid(said, f"messages.[{at}].role", None)
            answered.add(message["tool_call_id"])
            open_calls = [call for call in open_calls if call not in answered]
            continue
        _all_answered(open_calls, at)
        answered.clear()
        if "tool_calls" in message:
            rules.some(message["tool_calls"], f"messages[{at}].tool_calls")
            rules.few(message["tool_calls"], f"messages[{at}].tool_calls", rules.TOOLS)
            open_calls = [call["id"] for call in message["tool_calls"]]
        elif message["role"] == "assistant" and not any(
            message.get(field) is not None for field in ("content", "function_call", "refusal", "audio")
        ):
            said = f"Invalid value for 'content': expected a string, got null. messages.[{at}]"
            raise invalid(said, f"messages.[{at}].content", None)
    _all_answered(open_calls, len(messages) - 1)


def _all_answered(open_calls: Sequence[str], at: int) -> None:
    if open_calls:
        said = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_calls)}"
        )
        raise invalid(said, f"messages.[{at}].role", None)


def _parts(messages: Sequence[Mapping[str, Any]]) -> None:
    for at, message in enumerate(messages):
        content = message.get("content")
        for index, part in enumerate(content if isinstance(content, list) else ()):
            place = f"messages[{at}].content[{index}]"
            if part.get("type") == "image_url":
                picture(part["image_url"]["url"], f"{place}.image_url.url")
            elif part.get("type") == "file":
                document(part["file"], f"{place}.file")


def picture(url: str, path: str) -> None:
    """Raise ApiError unless ``url`` is one from which OpenAI can take a picture."""
    if url.startswith("data:"):
        if not re.match(r"data:image/(png|jpe?g|gif|webp);base64,[A-Za-z0-9+/]+=*$", url):
            said = f"Invalid '{path}'. Expected a base64-encoded data URL with an image MIME type."
            raise invalid(said, path)
    elif not re.match(r"https?://[^\s/]+", url):
        raise invalid(f"Invalid '{path}'. Expected a valid URL, but got a value with an invalid format.", path)


def document(file: Mapping[str, Any], path: str) -> None:
    """Raise ApiError unless a file part names an uploaded file or brings one with its name."""
    if file.get("file_id") is not None:
        if not file["file_id"].startswith("file"):
            said = f"Invalid '{path}.file_id': '{file['file_id']}'. Expected an ID that begins with 'file'."
            raise invalid(said, f"{path}.file_id")
    elif file.get("file_data") is None or file.get("filename") is None:
        raise missing(f"{path}.file_id")


def _capabilities(body: Mapping[str, Any], model: Model) -> None:
    for name in ("max_tokens", "max_completion_tokens"):
        if (limit := body.get(name)) is not None and limit > model.output:
            said = (
                f"{name} is too large: {limit}. This model supports at most {model.output} completion tokens, "
                f"whereas you provided {limit}."
            )
            raise invalid(said, name)
    if "web_search_options" in body:
        raise unknown("web_search_options")
    if "audio" in (body.get("modalities") or ()):
        raise invalid(f"Audio output is not supported with {model.name}.", "modalities", "unsupported_value")
    if not model.verbosity and body.get("verbosity") not in (None, "medium"):
        said = (
            f"Unsupported value: 'verbosity' does not support '{body['verbosity']}' with this model. "
            "Supported values are: 'medium'."
        )
        raise invalid(said, "verbosity", "unsupported_value")
    if not model.reasoning:
        if body.get("reasoning_effort") is not None:
            raise invalid("Unrecognized request argument supplied: reasoning_effort", code=None)
        return
    if body.get("max_tokens") is not None:
        raise unsupported("max_tokens", "Use 'max_completion_tokens' instead.")
    for name in NOT_REASONING:
        if body.get(name):
            raise unsupported(name)
    if body.get("stop") is not None and model.name.startswith("o"):
        raise unsupported("stop")
    only_default(body, "temperature")
    only_default(body, "top_p")


def only_default(body: Mapping[str, Any], name: str) -> None:
    """Raise ApiError when ``name`` is given and not 1, the one value reasoning models take."""
    if body.get(name) not in (None, 1):
        said = (
            f"Unsupported value: '{name}' does not support {body[name]} with this model. "
            "Only the default (1) value is supported."
        )
        raise invalid(said, name, "unsupported_value")
