"""JSON that is nearly a request, on every route: answered or refused as OpenAI does, and no failure of ours."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest

from tests.attacks.fuzz import Case, batches, mutated
from tests.attacks.stand import Stand, head
from tests.attacks.test_fuzz_http import ask
from tests.attacks.wire import Heard

CASES, AT_ONCE = 600, 100
TOOL = {
    "type": "function",
    "function": {"name": "look", "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}},
}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": True}}
CORPUS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/v1/chat/completions", {
        "model": "gpt-4o-mini", "temperature": 0.5, "max_tokens": 9, "n": 2, "stop": ["a"], "seed": 7, "user": "u",
        "logit_bias": {"5": 1},
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text",
        "text": "hi"}, PICTURE]}],
        "tools": [TOOL], "tool_choice": "auto", "response_format": SCHEMA, "metadata": {"user_id": "1"},
        "store": False,
    }),
    ("POST", "/v1/chat/completions", {
        "model": "gpt-4o", "stream": True, "stream_options": {"include_usage": True}, "logprobs": True,
        "top_logprobs": 2,
        "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "x"}],
        "modalities": ["text"], "prediction": {"type": "content", "content": "x"}, "cache": {"no-cache": True},
    }),
    ("POST", "/v1/responses", {
        "model": "gpt-4o-mini", "instructions": "i", "max_output_tokens": 99, "tools": [{"type": "function",
        "name": "f", "parameters": {}}],
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}, {"type": "function_call",
        "call_id": "c",
                  "name": "f", "arguments": "{}"}, {"type": "function_call_output", "call_id": "c", "output": "x"}],
        "text": {"format": {"type": "text"}}, "include": [], "truncation": "auto", "metadata": {}, "store": False,
    }),
    ("POST", "/v1/responses", {"model": "gpt-4o-mini", "input": "hi", "stream": True,
    "previous_response_id": "resp_1"}),
    ("POST", "/v1/responses", {"model": "gpt-4o-mini", "input": "hi", "background": True, "prompt": {"id": "p",
    "variables": {}}}),
    ("POST", "/v1/embeddings", {"model": "text-embedding-3-large", "input": ["a", "b"], "dimensions": 9,
    "encoding_format": "base64"}),
    ("POST", "/v1/embeddings", {"model": "text-embedding-3-large", "input": [[1, 2], [3]], "user": "u"}),
    ("POST", "/v1/moderations", {"input": [{"type": "text", "text": "hi"}], "model": "omni-moderation-latest"}),
    ("POST", "/v1/conversations", {"items": [{"type": "message", "role": "user", "content": "hi"}],
    "metadata": {"a": "b"}}),
    ("POST", "/v1/conversations/conv_1/items", {"items": [{"type": "message", "role": "user", "content": "hi"}]}),
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.5, -0.0, 1e-320, 2**31, 2**53, 2**63, 10**40, "", " ", "x", "x" * 3000, "\x00",
    "\u2028", "é" * 50,
    "data:image/png;base64,", "data:;base64,AAAA", "https://127.0.0.1/x.png", "file:///etc/passwd", "resp_1", "{}",
    "[]", "auto",
    [], {}, [[]], [{}], [None], {"type": None}, {"type": "text"}, {"": ""}, {"id": []}, [0] * 300,
    {"a": {"b": {"c": {"d": []}}}},
)  # fmt: skip
PIECES = (
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\x00",
    b"1e999",
    b"NaN",
    b"null",
    b"-",
)


def changed(value: Any, rng: random.Random) -> Any:
    """The value with one place in it changed: another value, left out, doubled, or named otherwise."""
    if isinstance(value, dict) and value and rng.randrange(4):
        name = rng.choice(sorted(value))
        copy = dict(value)
        match rng.randrange(8):
            case 0:
                del copy[name]
            case 1:
                copy[rng.choice(("type", "id", "model", "role", "x", "", "__proto__", name.upper()))] = copy.pop(name)
            case _:
                copy[name] = changed(value[name], rng)
        return copy
    if isinstance(value, list) and value and rng.randrange(4):
        place = rng.randrange(len(value))
        match rng.randrange(6):
            case 0:
                return value[:place] + value[place + 1 :]
            case 1:
                return value[:place] + value[place : place + 1] * rng.choice((2, 50)) + value[place + 1 :]
            case _:
                return [*value[:place], changed(value[place], rng), *value[place + 1 :]]
    return rng.choice(VALUES)


def body(sound: dict[str, Any], rng: random.Random) -> bytes:
    """A body made of a sound one."""
    sent: Any = sound
    for _ in range(rng.choice((1, 1, 2, 4))):
        sent = changed(sent, rng)
    raw = json.dumps(sent, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    return mutated(raw, PIECES, rng) if rng.random() < 0.2 else raw


def request(stand: Stand, case: Case) -> bytes:
    """One request, as bytes."""
    method, path, sound = case.random.choice(CORPUS)
    raw = body(sound, case.random)
    mine = (f"Authorization: Bearer {stand.key()}", "Content-Type: application/json", "Connection: close")
    return head(method, path, *mine, f"Content-Length: {len(raw)}") + raw


def wrong(heard: Heard) -> str:
    """What is wrong with the answer; empty if nothing is."""
    if heard.broken or not heard.closed or len(heard.answers) != 1:
        return f"no whole answer: {heard}"
    (answer,) = heard.answers
    if answer.status == 200:
        return ""
    if answer.status not in (400, 404, 413, 415, 422, 429):
        return f"a failure of ours: {answer}"
    error = answer.json().get("error", {})
    return "" if set(error) == {"message", "type", "param", "code"} else f"no error of OpenAI's shape: {answer}"


def test_json_that_is_nearly_a_request_is_answered_or_refused(attacked: Stand) -> None:
    async def together(sent: list[bytes]) -> list[Heard]:
        return await asyncio.gather(*(ask(attacked.edge_port, raw, len(raw), quiet_s=20) for raw in sent))

    statuses: set[int] = set()
    for batch in batches(CASES, AT_ONCE):
        sent = [request(attacked, case) for case in batch]
        for case, raw, heard in zip(batch, sent, asyncio.run(together(sent)), strict=True):
            statuses.update(heard.statuses)
            if fault := wrong(heard):
                pytest.fail(f"{case.again}: {fault}\nafter {raw!r}")
        attacked.unharmed()
    assert {200, 400} <= statuses, "either nothing was taken or nothing was refused"
