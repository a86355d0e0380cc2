"""Reading a request for a response (OpenAI, "Create a model response")."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..limits.media import KINDS, Medium, of_part
from ..limits.tokens import PER_MESSAGE, PER_REPLY, InputSize, count_texts
from . import check
from .chat_request import COMMON, MOST_TOOLS
from .errors import BadRequest
from .references import CLIENT_TOOLS, in_request, is_bare, parts
from .request import Offer, Request, chosen_model, controls_of, labels_of, named_in

MOST_ITEMS = 100_000
"""OpenAI names no limit; the size of the body is one."""
MOST_TOOL_CALLS = 8
"""Of a hosted tool, where the client sets no bound: each call is billed, so there must be one."""
HOSTED_TOOLS = {
    "web_search": "web_search", "web_search_2025_08_26": "web_search",
    "web_search_preview": "web_search", "web_search_preview_2025_03_11": "web_search",
    "file_search": "file_search", "code_interpreter": "code_interpreter", "image_generation": "image_generation",
}  # fmt: skip
"""Tools that the provider runs, by the names they go by, each with the one its price stands under."""

_PART = check.fields(
    {
        "type": check.text(),
        "text": check.text(),
        "image_url": check.text(),
        "file_id": check.text(),
        "file_data": check.text(),
        "file_url": check.text(),
        "filename": check.text(),
        "detail": check.text(),
    },
    needed=("type",),
)
_CONTENT = check.either(of_text=check.text(), of_list=check.items(_PART, most=MOST_ITEMS))
_ITEM = check.fields(
    {
        "type": check.text(),
        "role": check.one_of("user", "assistant", "system", "developer", "critic", "discriminator", "tool", "unknown"),
        "content": check.either(of_text=check.text(), of_list=check.items(check.fields({}), most=MOST_ITEMS)),
        "id": check.text(),
        "call_id": check.text(),
        "name": check.text(),
        "arguments": check.anything,
        "output": check.anything,
        "status": check.text(),
    }
)
_MESSAGE = check.fields({"content": _CONTENT}, needed=("content",))
_FORMAT = check.fields({"format": check.fields({"type": check.text()}), "verbosity": check.text()})
KNOWN: Mapping[str, check.Check] = {
    **COMMON,
    "background": check.flag,
    "context_management": check.items(check.fields({}), most=MOST_TOOLS),
    "conversation": check.anything,
    "include": check.items(check.text(), most=MOST_TOOLS),
    "input": check.either(of_text=check.text(), of_list=check.items(_ITEM, most=MOST_ITEMS)),
    "instructions": check.text(),
    "max_output_tokens": check.integer(1),
    "max_tool_calls": check.integer(1),
    "previous_response_id": check.text(),
    "prompt": check.fields({"id": check.text(), "version": check.text()}, needed=("id",)),
    "reasoning": check.fields({"effort": check.text(), "summary": check.text()}),
    "text": _FORMAT,
    "tool_choice": check.anything,
    "tools": check.items(check.fields({"type": check.text()}, needed=("type",)), most=MOST_TOOLS),
    "truncation": check.one_of("auto", "disabled"),
}
"""All parameters that are passed on; a request with any other is refused by name."""


def read(sent: Mapping[str, Any], offer: Offer, *, cache_control: str | None = None) -> Request:
    """Check a request and work out what the gateway needs of it; arguments as for a chat completion.

    Raises:
        BadRequest: it names no model of the offer, or a field does not fit.
    """
    model = chosen_model(sent, offer)
    check.body(sent, KNOWN)
    items = sent.get("input") if isinstance(sent.get("input"), list) else []
    for index, item in enumerate(items or ()):
        if (item.get("type") or "message") == "message" and not is_bare(item):
            _MESSAGE(item, f"input[{index}]")
    stream = bool(sent.get("stream"))
    if sent.get("stream_options") is not None and not stream:
        raise BadRequest(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            param="stream_options", code="invalid_value",
        )  # fmt: skip
    if sent.get("previous_response_id") is not None and sent.get("conversation") is not None:
        raise BadRequest(
            "Mutually exclusive parameters: 'previous_response_id' and 'conversation'.",
            param="previous_response_id", code="mutually_exclusive_parameters",
        )  # fmt: skip
    options = {"stream_options": sent["stream_options"]} if sent.get("stream_options") is not None else {}
    taken = ("model", "stream", "stream_options", "cache")
    body = {name: value for name, value in sent.items() if value is not None and name not in taken}
    hosted = _hosted(body, offer)
    references = tuple(in_request(body, items))
    output_tokens = int(body.setdefault("max_output_tokens", offer.default_max_tokens))
    return Request(
        api="responses",
        body=body,
        travelling={"stream": True, **options} if stream else {},
        model=model,
        stream=stream,
        include_usage=True,
        controls=controls_of(sent, cache_control),
        labels=labels_of(sent.get("metadata")),
        named=named_in(sent.get("metadata")),
        output_tokens=output_tokens,
        size=InputSize(
            count_texts(_texts(body, items or [])) + PER_REPLY + PER_MESSAGE * max(1, len(items or ())),
            tuple(_media(items or [])),
        ),
        references=references,
        # Unless it is told not to, the provider keeps every response for thirty days.
        stateful=body.get("store") is not False or body.get("background") is True or bool(references),
        background=body.get("background") is True,
        hosted=hosted,
    )


def _hosted(body: dict[str, Any], offer: Offer) -> dict[str, int]:
    """Which hosted tools may be called how often; raises BadRequest for one that has no price here."""
    found = {}
    for index, tool in enumerate(body.get("tools") or ()):
        kind = tool["type"]
        if kind in CLIENT_TOOLS:
            continue
        priced = HOSTED_TOOLS.get(kind)
        if priced is None or priced not in offer.hosted_tools:
            why = "a server of a client's choosing is never contacted" if kind == "mcp" else "it has no price here"
            raise BadRequest(
                f"The hosted tool '{kind[:40]}' is not offered: {why}. Function and custom tools are.",
                param=f"tools[{index}].type", code="unsupported_tool",
            )  # fmt: skip
        found[priced] = int(body.setdefault("max_tool_calls", MOST_TOOL_CALLS))
    return found


def _texts(body: Mapping[str, Any], items: list[dict[str, Any]]) -> Iterator[str]:
    if isinstance(body.get("input"), str):
        yield body["input"]
    if body.get("instructions"):
        yield body["instructions"]
    for item in items:
        for part in parts(item):
            if isinstance(part.get("text"), str):
                yield part["text"]
            elif part.get("type") not in KINDS:
                yield json.dumps(part)
        rest = {
            name: value
            for name, value in item.items()
            if isinstance(value, str) or (name not in ("content", "output") and value is not None)
        }
        for value in rest.values():
            yield value if isinstance(value, str) else json.dumps(value)
    for name in ("tools", "text", "prompt"):
        if body.get(name):
            yield json.dumps(body[name])


def _media(items: list[dict[str, Any]]) -> Iterator[Medium]:
    for item in items:
        for part in parts(item):
            yield from of_part(part)
