"""4.1's five requests beside the plain one, against a server that answers well or in every way not well.

G1, G3, G12, G30 and G31 were green before: `inv test.smoke` asked one plain question only.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.checks import abilities
from ops.description.stack import Models
from ops.services.gateway import Gateway
from ops.session.compose import compose
from tests.checks.scripted import Reply, Request, Script, serving

USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
EVENTS = "text/event-stream; charset=utf-8"


@pytest.fixture(scope="module")
def models() -> Models:
    return compose("local", {}).stack.models


def completion(message: dict[str, Any], **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop", "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [choice],
        "usage": USAGE,
        **more,
    }


def calling(name: str, arguments: str) -> dict[str, Any]:
    call = {"id": "call_1", "type": "function", "function": {"name": name, "arguments": arguments}}
    return completion({"content": None, "tool_calls": [call], "refusal": None})


def chunk(delta: dict[str, Any], finish: str | None = None, usage: Any = None) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": choices, "usage": usage}


BEGIN, TEXT, END = chunk({"role": "assistant", "content": ""}), chunk({"content": "Hello"}), chunk({}, "stop")
BILL = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], "usage": USAGE}


def stream(*chunks: Any, end: str = "data: [DONE]\n\n") -> Reply:
    return Reply("".join(f"data: {json.dumps(item)}\n\n" for item in chunks) + end, media_type=EVENTS)


def response(*output: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    usage = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}
    return {"id": "resp_1", "object": "response", "status": status, "output": list(output), "usage": usage}


REASONING = {"type": "reasoning", "id": "rs_1", "summary": []}
SAID = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]}
REFUSED = {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "I can't."}]}


def vectors(*sizes: int, value: float = 0.5) -> dict[str, Any]:
    data = [{"object": "embedding", "index": n, "embedding": [value] * size} for n, size in enumerate(sizes)]
    return {"object": "list", "data": data, "model": "text-embedding-3-large", "usage": {"prompt_tokens": 3}}


def error(status: int, message: str) -> Reply:
    return Reply({"error": {"message": message, "type": "upstream_error", "param": None, "code": None}}, status)


def kind(request: Request) -> str:
    """Which of the abilities a request tries."""
    if request.path == "/v1/responses":
        return "Responses"
    if request.path == "/v1/embeddings":
        return "embedding"
    marks = {"stream": "streamed", "tools": "tool call", "response_format": "structured output"}
    return next(name for mark, name in marks.items() if request.body.get(mark))


def good(models: Models) -> dict[str, Reply]:
    return {
        "streamed": stream(BEGIN, TEXT, END, BILL),
        "tool call": Reply(calling("order_status", '{"order_number": "1042"}')),
        "structured output": Reply(completion({"content": '{"verdict": "refund", "days_left": 20}'})),
        "Responses": Reply(response(REASONING, SAID)),
        "embedding": Reply(vectors(models.embedding_dimensions)),
    }


def tried(models: Models, replies: dict[str, Reply]) -> tuple[list[str], list[Request]]:
    script = Script(lambda request: replies[kind(request)])
    with serving(script) as endpoints, Gateway(endpoints, None) as gateway:
        return abilities.unmet(gateway, models, list(abilities.ABILITIES)), script.asked


def test_a_gateway_that_can_do_all_is_found_to_do_all(models: Models) -> None:
    problems, asked = tried(models, good(models))
    assert problems == []
    assert sorted(map(kind, asked)) == sorted(abilities.ABILITIES)


def test_each_text_is_new_to_every_cache(models: Models) -> None:
    first, second = (tried(models, good(models))[1] for _ in range(2))
    texts = [json.dumps(request.body.get("messages") or request.body["input"]) for request in (*first, *second)]
    assert len(set(texts)) == 2 * len(abilities.ABILITIES)


BAD: dict[str, tuple[str, Reply, str]] = {
    "G2: a clean end without [DONE]": ("streamed", stream(BEGIN, TEXT, END, BILL, end=""), "not with [DONE]"),
    "G2: no finish reason": ("streamed", stream(BEGIN, TEXT, BILL), "expected one finish_reason"),
    "two ends": ("streamed", stream(BEGIN, TEXT, END, END, BILL), "['stop', 'stop']"),
    "G3: no text at all": ("streamed", stream(BEGIN, END, BILL), "the stream holds no text"),
    "no usage": ("streamed", stream(BEGIN, TEXT, END), "brings no usage"),
    "an empty stream": ("streamed", Reply("", media_type=EVENTS), "not with [DONE]"),
    "an error in the stream": ("streamed", stream(BEGIN, {"error": {"message": "boom"}}), "a chunk is not as document"),
    "a chunk cut in two": ("streamed", stream(BEGIN, end='data: {"id"\n\ndata: [DONE]\n\n'), "cannot be parsed"),
    "whole although a stream was asked for": (
        "streamed",
        Reply(completion({"content": "Hello"})),
        "expected text/event-stream, got application/json",
    ),
    "G1: 502 for any tool": ("tool call", error(502, "connection failed"), "expected 200, got 502 connection failed"),
    "text instead of the call": (
        "tool call",
        Reply(completion({"content": "It is on its way."})),
        "expected a call of order_status, got",
    ),
    "another function": ("tool call", Reply(calling("other", "{}")), "got one of other"),
    "arguments cut short": ("tool call", Reply(calling("order_status", '{"order_nu')), "cannot be parsed as JSON"),
    "arguments of another shape": ("tool call", Reply(calling("order_status", "{}")), "order_number"),
    "an argument nobody declared": (
        "tool call",
        Reply(calling("order_status", '{"order_number": "1", "x": 1}')),
        "its arguments is not as documented",
    ),
    "G12: no choices": ("tool call", Reply({**completion({"content": ""}), "choices": []}), "has no choices"),
    "prose": ("structured output", Reply(completion({"content": "Yes, refund."})), "cannot be parsed as JSON"),
    "off the enum": (
        "structured output",
        Reply(completion({"content": '{"verdict": "maybe", "days_left": 1}'})),
        "verdict",
    ),
    "a text for a number": (
        "structured output",
        Reply(completion({"content": '{"verdict": "refund", "days_left": "1"}'})),
        "days_left",
    ),
    "a refusal": ("structured output", Reply(completion({"content": None, "refusal": "No."})), "(refusal: No.)"),
    "no usage in the answer": (
        "structured output",
        Reply({k: v for k, v in completion({"content": "{}"}).items() if k != "usage"}),
        "usage",
    ),
    "G31: no such path": ("Responses", error(404, "Not Found"), "expected 200, got 404 Not Found"),
    "no text in the response": ("Responses", Reply(response(REASONING)), "holds no output_text"),
    "a refusal in the response": ("Responses", Reply(response(REFUSED)), "holds no output_text"),
    "a response that failed": ("Responses", Reply(response(SAID, status="failed")), "status is 'failed'"),
    "a chat answer": ("Responses", Reply(completion({"content": "Hello"})), "the response is not as documented"),
    "G30: refused": ("embedding", error(404, "no such path"), "expected 200, got 404 no such path"),
    "the model's own size": ("embedding", Reply(vectors(3072)), "expected one vector of 1024, got [3072]"),
    "two vectors": ("embedding", Reply(vectors(1024, 1024)), "got [1024, 1024]"),
    "a zero vector": ("embedding", Reply(vectors(1024, value=0.0)), "the vector is zero"),
    "a page instead of JSON": ("embedding", Reply("<html>", media_type="text/html"), "expected application/json"),
}


@pytest.mark.parametrize(("name", "reply", "says"), BAD.values(), ids=BAD)
def test_what_is_missing_is_named_with_what_came(models: Models, name: str, reply: Reply, says: str) -> None:
    problems, _ = tried(models, {**good(models), name: reply})
    assert len(problems) == 1, problems
    assert problems[0].startswith(f"{name}: ")
    assert says in problems[0]


def test_everything_that_is_missing_is_named_at_once(models: Models) -> None:
    problems, _ = tried(models, dict.fromkeys(abilities.ABILITIES, error(500, "boom")))
    assert [problem.split(":")[0] for problem in problems] == list(abilities.ABILITIES)


def test_this_stack_offers_everything_that_is_tried() -> None:
    assert abilities.offered(compose("local", {}).stack.edge.paths) == tuple(abilities.ABILITIES)


def test_a_stack_that_offers_chat_only_is_tried_for_chat_only() -> None:
    assert abilities.offered(["/v1/chat/completions"]) == ("streamed", "tool call", "structured output")
    assert abilities.offered(["/v1/*"]) == tuple(abilities.ABILITIES)
    assert abilities.offered(["/v1/responses/*", "/health"]) == ()
