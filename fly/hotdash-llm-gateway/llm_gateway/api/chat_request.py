"""Reading a chat completion request (OpenAI, "Create chat completion")."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..limits.media import KINDS, Medium, of_part
from ..limits.tokens import PER_MESSAGE, PER_REPLY, InputSize, count_texts
from . import check
from .errors import BadRequest
from .request import (
    LONGEST_METADATA,
    MOST_METADATA,
    Offer,
    Reference,
    Request,
    chosen_model,
    controls_of,
    labels_of,
    named_in,
)

ROLES = ("developer", "system", "user", "assistant", "tool", "function")
MOST_MESSAGES = 2048
MOST_TOOLS = 128
MOST_CHOICES = 128
MOST_STOPS = 4
MOST_BIASES = 300

_FUNCTION_CALL = check.fields({"name": check.text(), "arguments": check.text()})
_PART = check.fields(
    {
        "type": check.text(),
        "text": check.text(),
        "refusal": check.text(),
        "image_url": check.fields({"url": check.text(), "detail": check.text()}, needed=("url",)),
        "input_audio": check.fields({"data": check.text(), "format": check.text()}),
        "file": check.fields({"file_id": check.text(), "file_data": check.text(), "filename": check.text()}),
    },
    needed=("type",),
)
_CALL = check.fields(
    {"id": check.text(), "type": check.text(), "function": _FUNCTION_CALL, "custom": check.fields({})},
    needed=("id", "type"),
)
_MESSAGE = check.fields(
    {
        "role": check.one_of(*ROLES),
        "content": check.either(of_text=check.text(), of_list=check.items(_PART, most=MOST_MESSAGES)),
        "name": check.text(),
        "refusal": check.text(),
        "tool_call_id": check.text(),
        "tool_calls": check.items(_CALL, most=MOST_TOOLS, least=1),
        "function_call": _FUNCTION_CALL,
        "audio": check.fields({"id": check.text()}),
    },
    needed=("role",),
)
METADATA = check.table(most=MOST_METADATA, key=64, value=check.text(longest=LONGEST_METADATA))
COMMON: Mapping[str, check.Check] = {
    # The gateway's own.
    "cache": check.fields({}),
    "model": check.text(),
    "stream": check.flag,
    "metadata": METADATA,
    "parallel_tool_calls": check.flag,
    "prompt_cache_key": check.text(),
    "prompt_cache_options": check.fields({}),
    "prompt_cache_retention": check.text(),
    "safety_identifier": check.text(),
    "service_tier": check.one_of("auto", "default", "flex"),
    "store": check.flag,
    "stream_options": check.fields({"include_usage": check.flag, "include_obfuscation": check.flag}),
    "temperature": check.number(0, 2),
    "top_logprobs": check.integer(0, 20),
    "top_p": check.number(0, 1),
    "moderation": check.fields({}),
    "user": check.text(),
}
"""Parameters that both of the provider's APIs take. The dearer service tiers are refused by name: no price is known
for them here, so they would pass every budget."""
KNOWN: Mapping[str, check.Check] = {
    **COMMON,
    "messages": check.items(_MESSAGE, most=MOST_MESSAGES, least=1),
    "frequency_penalty": check.number(-2, 2),
    "function_call": check.anything,
    "functions": check.items(check.fields({"name": check.text()}, needed=("name",)), most=MOST_TOOLS, least=1),
    "logit_bias": check.table(most=MOST_BIASES, key=16, value=check.number(-100, 100)),
    "logprobs": check.flag,
    "max_completion_tokens": check.integer(1),
    "max_tokens": check.integer(1),
    "modalities": check.items(check.one_of("text"), most=2),
    "n": check.integer(1, MOST_CHOICES),
    "prediction": check.fields({}),
    "presence_penalty": check.number(-2, 2),
    "reasoning_effort": check.text(),
    "response_format": check.fields({"type": check.text()}, needed=("type",)),
    "seed": check.integer(-(2**63)),
    "stop": check.either(of_text=check.text(), of_list=check.items(check.text(), most=MOST_STOPS)),
    "tool_choice": check.anything,
    "tools": check.items(check.fields({"type": check.text()}, needed=("type",)), most=MOST_TOOLS),
    "verbosity": check.text(),
}
"""All parameters that are passed on; a request with any other is refused by name."""
REFUSED = {
    "web_search_options": "searching the web is billed by the call, and this gateway has no price for it",
    "audio": "spoken answers are not offered here",
}


def read(sent: Mapping[str, Any], offer: Offer, *, cache_control: str | None = None) -> Request:
    """Check a request and work out what the gateway needs of it.

    Args:
        sent: the body as JSON values.
        offer: what may be asked for.
        cache_control: the request's Cache-Control header, which may say no-cache and no-store.

    Raises:
        BadRequest: with a message that says what to change.
    """
    model = chosen_model(sent, offer)
    for name, why in REFUSED.items():
        if sent.get(name) is not None:
            raise BadRequest(f"'{name}' is refused: {why}.", param=name, code="unsupported_parameter")
    check.body(sent, {**KNOWN, **dict.fromkeys(REFUSED, check.anything)}, needed=("messages",))
    if sent.get("stream_options") is not None and not sent.get("stream"):
        raise BadRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options", code="invalid_value",
        )  # fmt: skip
    if sent.get("top_logprobs") is not None and not sent.get("logprobs"):
        raise BadRequest("'logprobs' must be true for 'top_logprobs' to be set.", param="top_logprobs")
    taken = ("model", "stream", "stream_options", "cache")
    body = {name: value for name, value in sent.items() if value is not None and name not in taken}
    output_tokens = _bounded(body, offer.default_max_tokens)
    stream = bool(sent.get("stream"))
    options = sent.get("stream_options") or {}
    travelling = {"stream": True, "stream_options": {**options, "include_usage": True}} if stream else {}
    messages = body["messages"]
    return Request(
        api="chat",
        body=body,
        travelling=travelling,
        model=model,
        stream=stream,
        include_usage=options.get("include_usage") is True,
        controls=controls_of(sent, cache_control),
        labels=labels_of(sent.get("metadata")),
        named=named_in(sent.get("metadata")),
        output_tokens=output_tokens,
        size=InputSize(count_texts(_texts(body)) + PER_REPLY + PER_MESSAGE * len(messages), tuple(_media(messages))),
        references=tuple(_references(messages)),
        stateful=body.get("store") is True,
    )


def _bounded(body: dict[str, Any], default: int) -> int:
    """Put a bound on the answer if the client set none; return what all choices together may have."""
    bounds = [body[name] for name in ("max_tokens", "max_completion_tokens") if name in body]
    if not bounds:
        body["max_completion_tokens"] = default
    # A wrong prediction is billed as output on top of the answer; its text cannot have more tokens than bytes.
    predicted = len(json.dumps(body["prediction"]).encode()) if "prediction" in body else 0
    return int(max(bounds or [default])) * int(body.get("n", 1)) + predicted


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    for message in body["messages"]:
        for name, value in message.items():
            if name == "content" and isinstance(value, list):
                for part in value:
                    if isinstance(part.get("text"), str):
                        yield part["text"]
                    elif part["type"] not in KINDS:
                        yield json.dumps(part)
            elif value is not None:
                yield value if isinstance(value, str) else json.dumps(value)
    for name in ("tools", "functions", "response_format"):
        if body.get(name):
            yield json.dumps(body[name])


def _media(messages: list[dict[str, Any]]) -> Iterator[Medium]:
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            yield from of_part(part)


def _references(messages: list[dict[str, Any]]) -> Iterator[Reference]:
    for index, message in enumerate(messages):
        content, audio = message.get("content"), message.get("audio")
        for at, part in enumerate(content if isinstance(content, list) else ()):
            file = part.get("file")
            if isinstance(file, Mapping) and file.get("file_id"):
                yield Reference("file", file["file_id"], f"messages[{index}].content[{at}].file.file_id")
        if audio and audio.get("id"):
            yield Reference("audio", audio["id"], f"messages[{index}].audio.id")
