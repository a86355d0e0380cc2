"""The ``response`` object."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.standins.openai import logprobs
from ops.standins.openai.asked import Call, Said, thought
from ops.standins.openai.items import Item, new_id
from ops.standins.openai.models import Model
from ops.standins.openai.pieces import words

SUMMARY = "**Rehearsing**\n\nThe question is read, and an answer foretold."
LOGPROBS = "message.output_text.logprobs"
ENCRYPTED = "reasoning.encrypted_content"


@dataclass(frozen=True)
class Output:
    """What the model put out; ``cut`` says that it ran into ``max_output_tokens``."""

    items: list[Item]
    tokens: int
    reasoning_tokens: int
    cut: bool = False


def output(said: Said, body: Mapping[str, Any], model: Model) -> Output:
    """``said`` as output items, cut at the request's limit."""
    reasoning = body.get("reasoning") or {}
    thinking = thought(model.reasoning, reasoning.get("effort"))
    items: list[Item] = [_reasoning(body, reasoning)] if thinking else []
    limit = body.get("max_output_tokens")
    if limit is not None and limit <= thinking:
        return Output(items, limit, limit, cut=True)
    used = thinking + said.tokens()
    said, cut = said.cut(None if limit is None else limit - thinking)
    used = used if limit is None else min(used, limit)
    if said.calls:
        items += [_call(call) for call in said.calls]
        if cut and items[-1]["type"] == "function_call":
            items[-1]["status"] = "incomplete"
        return Output(items, used, thinking, cut)
    part: Item = {"type": "refusal", "refusal": said.refusal}
    if said.refusal is None:
        part = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        if LOGPROBS in (body.get("include") or ()):
            part["logprobs"] = [logprobs.of(piece, body.get("top_logprobs") or 0) for piece in words(said.text)]
    message = {
        "id": new_id("msg"),
        "type": "message",
        "status": "incomplete" if cut else "completed",
        "role": "assistant",
        "content": [part],
    }
    return Output([*items, message], used, thinking, cut)


def _call(call: Call) -> Item:
    head = {"call_id": new_id("call")[:29], "name": call.name}
    if call.custom:
        return {"id": new_id("ctc"), "type": "custom_tool_call", **head, "input": call.arguments}
    return {"id": new_id("fc"), "type": "function_call", "status": "completed", **head, "arguments": call.arguments}


def _reasoning(body: Mapping[str, Any], reasoning: Mapping[str, Any]) -> Item:
    asked = reasoning.get("summary") or reasoning.get("generate_summary")
    item: Item = {
        "id": new_id("rs"),
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": SUMMARY}] if asked else [],
    }
    if ENCRYPTED in (body.get("include") or ()):
        item["encrypted_content"] = base64.b64encode(b"rehearsed reasoning " + item["id"].encode()).decode()
    return item


def usage(input_tokens: int, made: Output, figures: Mapping[str, int]) -> dict[str, Any]:
    """The token usage; ``figures`` (by either endpoint's names) replace some of it."""
    told: dict[str, Any] = {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": made.tokens,
        "output_tokens_details": {"reasoning_tokens": made.reasoning_tokens},
        "total_tokens": 0,
    }
    renamed = {"prompt_tokens": "input_tokens", "completion_tokens": "output_tokens"}
    for given, value in figures.items():
        name = renamed.get(given, given)
        details = next((part for part in told.values() if isinstance(part, dict) and name in part), told)
        details[name] = value
    if "total_tokens" not in figures:
        told["total_tokens"] = told["input_tokens"] + told["output_tokens"]
    return told


def begun(body: Mapping[str, Any], model: Model, status: str) -> dict[str, Any]:
    """The response to ``body`` before anything was put out."""
    tier = body.get("service_tier")
    text = body.get("text") or {}
    reasoning = body.get("reasoning") or {}
    conversation = body.get("conversation")
    made: dict[str, Any] = {
        "id": new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "background": bool(body.get("background")),
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "max_tool_calls": body.get("max_tool_calls"),
        "model": model.dated,
        "output": [],
        "parallel_tool_calls": body.get("parallel_tool_calls") is not False,
        "previous_response_id": body.get("previous_response_id"),
        "prompt": body.get("prompt"),
        "prompt_cache_key": body.get("prompt_cache_key"),
        "prompt_cache_retention": body.get("prompt_cache_retention"),
        "reasoning": {
            "effort": reasoning.get("effort") or ("medium" if model.reasoning else None),
            "summary": reasoning.get("summary"),
        },
        "safety_identifier": body.get("safety_identifier"),
        "service_tier": "priority" if tier == "fast" else tier if tier not in (None, "auto") else "default",
        "store": body.get("store") is not False,
        "temperature": _or(body.get("temperature"), 1.0),
        "text": {"format": _format(text.get("format")), "verbosity": text.get("verbosity") or "medium"},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": [_tool(tool) for tool in body.get("tools") or ()],
        "top_logprobs": body.get("top_logprobs") or 0,
        "top_p": _or(body.get("top_p"), 1.0),
        "truncation": body.get("truncation") or "disabled",
        "usage": None,
        "user": body.get("user"),
        "metadata": body.get("metadata") or {},
    }
    if conversation is not None:
        made["conversation"] = {"id": conversation["id"] if isinstance(conversation, dict) else conversation}
    return made


def _or(value: float | None, default: float) -> float:
    return default if value is None else value


def _format(given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if given is None:
        return {"type": "text"}
    if given["type"] == "json_schema":
        return {"description": None, **given, "strict": bool(given.get("strict"))}
    return given


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    if tool["type"] != "function":
        return tool
    return {"description": None, "parameters": {}, **tool, "strict": tool.get("strict") is not False}


def ended(response: Mapping[str, Any], made: Output, used: Mapping[str, Any], outcome: str | None) -> dict[str, Any]:
    """``response`` at its end: completed, incomplete, or as ``outcome`` (failed, content_filter) says."""
    done = {**response, "output": made.items, "usage": used}
    if outcome == "failed":
        broken = {"code": "server_error", "message": "The server had an error (arranged)."}
        return {**done, "status": "failed", "output": [], "usage": None, "error": broken}
    if made.cut or outcome == "content_filter":
        reason = "content_filter" if outcome else "max_output_tokens"
        return {**done, "status": "incomplete", "incomplete_details": {"reason": reason}}
    return {**done, "status": "completed", "completed_at": int(time.time())}


def unfinished(response: Mapping[str, Any], status: str) -> dict[str, Any]:
    """``response`` as it was while it had ``status``, before it ended."""
    blank: Sequence[Any] = []
    return {
        **response,
        "status": status,
        "output": blank,
        "usage": None,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
    }
