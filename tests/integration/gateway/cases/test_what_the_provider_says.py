"""What the provider says is what the client hears. Cases G1 to G6, G12, G18, G19 and G27, and their neighbours."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.gateway.scripted_upstream import ScriptedUpstream, Told, told
from tests.integration.gateway.conftest import Ask
from tests.integration.gateway.harness import GatewayProcess
from tests.integration.gateway.saying import CALL, DONE, SIGNED, TOOL, chunk, completion, error, events, pieces, stream

ROLE = chunk({"role": "assistant", "content": "", "refusal": None})
CHOICES: tuple[Any, ...] = (
    None,
    "auto",
    "required",
    {"type": "function", "function": {"name": "refund"}},
    {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "name": "refund"}]}},
)


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice["type"] if isinstance(choice, dict) else choice)
def test_g1_a_tool_call_comes_back_whole(say: Ask, scripted: ScriptedUpstream, word: str, choice: Any) -> None:
    """G1, G23: in the environment that ships."""
    scripted.script = lambda asked: told(completion(None, finish="tool_calls", tool_calls=[CALL]))
    fields = {} if choice is None else {"tool_choice": choice}
    answer = say(word, tools=[TOOL], **fields)
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["tool_calls"] == [CALL]
    (sent,) = scripted.posted("chat/completions")
    assert (sent["tools"], sent.get("tool_choice")) == ([TOOL], choice)


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: choice["type"] if isinstance(choice, dict) else choice)
def test_g1_a_tool_call_comes_back_streamed(say: Ask, scripted: ScriptedUpstream, word: str, choice: Any) -> None:
    """G1: parallel calls, their arguments in pieces."""
    first = chunk({"tool_calls": [{"index": 0, **CALL, "function": {"name": "refund", "arguments": ""}}]})
    second = chunk({"tool_calls": [{"index": 1, **CALL, "id": "call_2"}]})
    part = chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"order"'}}]})
    told_ = stream(ROLE, first, part, second, chunk({}, "tool_calls"))
    scripted.script = lambda asked: told_
    fields = {} if choice is None else {"tool_choice": choice}
    answer = say(word, tools=[TOOL], stream=True, **fields)
    assert answer.content == b"".join(told_.body)


@pytest.mark.parametrize("said", [["The refund limit is 1"], []], ids=["some words", "a role alone"])
@pytest.mark.parametrize("ending", ["clean end", "cut", "reset"])
def test_g2_half_an_answer_is_an_error_and_is_not_kept(
    say: Ask, scripted: ScriptedUpstream, word: str, said: list[str], ending: str
) -> None:
    """G2: a stream that ends without finish reason or [DONE], however it ends."""
    halves = stream(ROLE, *(chunk({"content": each}) for each in said), done=False)
    how = "whole" if ending == "clean end" else ending
    scripted.script = lambda asked: Told(halves.body, ending=how)  # type: ignore[arg-type]
    answer = say(word, stream=True)
    if said:
        assert "error" in events(answer.content)[-1]
        assert b"[DONE]" not in answer.content
        assert len(scripted.asked) == 1
    else:
        # Nothing was said to the client yet, so both models were asked, and it gets a plain error.
        assert answer.status_code == 502
        assert [sent["model"] for sent in scripted.posted("chat/completions")] == ["gpt-4o-mini", "gpt-4o"]
    scripted.script = lambda asked: told(completion("The refund limit is 100."))
    again = say(word)
    assert again.headers["x-gateway-cache"] == "miss"
    assert again.json()["choices"][0]["message"]["content"] == "The refund limit is 100."


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk({"content": "1"}), chunk({}, "stop")],
        [chunk({"content": "1"}), chunk({"content": "2"}, index=1), chunk({}, "stop")],
    ],
    ids=["no [DONE]", "one of two choices without an end"],
)
def test_g2_an_end_with_something_missing_is_none(
    say: Ask, scripted: ScriptedUpstream, word: str, chunks: list[Any]
) -> None:
    """G2."""
    scripted.script = lambda asked: stream(*chunks, done=len(chunks) == 3)
    answer = say(word, stream=True, n=len(chunks) - 1)
    assert "error" in events(answer.content)[-1]
    assert b"[DONE]" not in answer.content


def test_g2_a_response_that_does_not_end_is_none(say: Ask, scripted: ScriptedUpstream, word: str) -> None:
    """G2 in the Responses API."""
    delta = {"type": "response.output_text.delta", "sequence_number": 2, "delta": "The limit is 1"}
    scripted.script = lambda asked: stream(delta, done=False)
    answer = say(word, path="/v1/responses", stream=True)
    assert events(answer.content)[-1]["type"] == "error"


def test_g3_every_piece_of_a_refusal_arrives(say: Ask, scripted: ScriptedUpstream, word: str) -> None:
    """G3: streamed."""
    refused = [chunk({"role": "assistant", "refusal": ""}), chunk({"refusal": "I can't"}), chunk({"refusal": " help."})]
    scripted.script = lambda asked: stream(*refused, chunk({}, "stop"))
    answer = say(word, stream=True)
    assert pieces(answer.content, "refusal") == ["", "I can't", " help."]
    assert answer.content.endswith(DONE)
    assert say(word, stream=True).headers["x-gateway-cache"] == "miss"


def test_g3_a_refusal_arrives_whole_and_is_not_kept(say: Ask, scripted: ScriptedUpstream, word: str) -> None:
    """G3: in one piece."""
    refusal = completion(None, refusal="I can't help.")
    scripted.script = lambda asked: told(refusal)
    assert say(word).json() == refusal
    assert say(word).headers["x-gateway-cache"] == "miss"


def test_g4_choices_that_come_interleaved_all_end(say: Ask, scripted: ScriptedUpstream, word: str) -> None:
    """G4."""
    told_ = stream(
        chunk({"role": "assistant", "content": ""}), chunk({"role": "assistant", "content": ""}, index=1),
        chunk({"content": "a"}, index=1), chunk({"content": "b"}), chunk({}, "length", index=1), chunk({}, "stop"),
    )  # fmt: skip
    scripted.script = lambda asked: told_
    answer = say(word, stream=True, n=2)
    assert answer.content == b"".join(told_.body)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"])
@pytest.mark.parametrize("header", ["retry-after", "retry-after-ms"])
def test_g5_when_the_provider_says_wait_the_client_is_told(
    say: Ask, scripted: ScriptedUpstream, word: str, path: str, header: str
) -> None:
    """G5: both models, or the only one, answer 429."""
    busy = {"message": "Rate limit reached", "type": "requests", "param": None, "code": "rate_limit_exceeded"}
    scripted.script = lambda asked: error(429, busy, **{header: "7"})
    fields = {"model": "text-embedding-3-large"} if path.endswith("embeddings") else {}
    answer = say(word, path=path, **fields)
    assert (answer.status_code, answer.headers[header], answer.json()["error"]) == (429, "7", busy)


@pytest.mark.parametrize("stream_", [False, True])
@pytest.mark.parametrize(
    "said",
    [
        (400, {"code": "context_length_exceeded", "param": "messages"}),
        (400, {"code": "content_policy_violation", "param": None}),
        (404, {"code": "model_not_found", "param": "model"}),
        (422, {"code": None, "param": "response_format"}),
    ],
    ids=lambda said: str(said[1]["code"]),
)
def test_g6_the_providers_error_keeps_its_four_fields(
    say: Ask, scripted: ScriptedUpstream, word: str, said: tuple[int, dict[str, Any]], *, stream_: bool
) -> None:
    """G6: type, code, param and message, and nobody else is asked."""
    status, fields = said
    whole = {"message": "This model's maximum context length is 128000 tokens.", "type": "invalid_request_error"}
    scripted.script = lambda asked: error(status, {**whole, **fields})
    answer = say(word, stream=stream_)
    assert (answer.status_code, answer.json()) == (status, {"error": {**whole, **fields}})
    assert len(scripted.asked) == 1


HALF: dict[str, tuple[str, Any]] = {
    "no choices": ("/v1/chat/completions", completion() | {"choices": []}),
    "no finish reason": ("/v1/chat/completions", completion(finish=None)),
    "a role and nothing more": ("/v1/chat/completions", completion(None)),
    "no object": ("/v1/chat/completions", ["?"]),
    "no output": ("/v1/responses", {"id": "resp_1", "object": "response", "status": "completed", "output": []}),
    "not ended": ("/v1/responses", {"id": "resp_1", "object": "response", "status": "in_progress", "output": []}),
}


@pytest.mark.parametrize("name", HALF)
def test_g12_an_answer_that_is_none_is_asked_for_elsewhere(
    say: Ask, scripted: ScriptedUpstream, word: str, name: str
) -> None:
    """G12: whoever is asked next answers; if that is no answer either, 502."""
    path, half = HALF[name]
    whole = completion() if "chat" in path else {**HALF["no output"][1], "output": [{"type": "reasoning", "id": "r"}]}
    scripted.script = lambda asked: told(half if asked.sent["model"] == "gpt-4o-mini" else whole)
    answer = say(word, path=path)
    assert (answer.status_code, answer.json(), answer.headers["x-gateway-fallback"]) == (200, whole, "true")
    scripted.script = lambda asked: told(half)
    refused = say(f"{word} again", path=path)
    assert (refused.status_code, refused.json()["error"]["type"]) == (502, "upstream_error")


def test_g18_model_is_the_providers_signature_always(say: Ask, scripted: ScriptedUpstream, word: str) -> None:
    """G18: plain, streamed, and both from the cache."""
    scripted.script = lambda asked: (
        stream(chunk({"content": "hi"}), chunk({}, "stop")) if asked.sent.get("stream") else told(completion())
    )
    answers = [say(word), say(word), say(word, stream=True), say(f"{word} 2", stream=True), say(f"{word} 2")]
    caches = [answer.headers["x-gateway-cache"] for answer in answers]
    assert caches == ["miss", "exact", "exact", "miss", "exact"]

    def signatures(answer: httpx.Response) -> set[str]:
        if answer.headers["content-type"] == "application/json":
            return {answer.json()["model"]}
        return {event["model"] for event in events(answer.content)[:-1]}

    assert [signatures(answer) for answer in answers] == [{SIGNED}] * 5
    assert {answer.headers["x-gateway-model"] for answer in answers} == {"gpt-4o-mini"}


LIMIT_HEADERS = [
    f"x-ratelimit-{what}-{limit}" for what in ("limit", "remaining", "reset") for limit in ("requests", "tokens")
]


def test_g19_answers_carry_what_sdks_read(say: Ask, scripted: ScriptedUpstream, word: str) -> None:
    """G19: the provider's request id and time where it answered, else the gateway's own; limits and their resets."""
    scripted.script = lambda asked: told(completion(), x_request_id="req_theirs", openai_processing_ms="412")
    miss, hit, refused = say(word), say(word), say(word, temperature="hot")
    assert (miss.headers["x-request-id"], miss.headers["openai-processing-ms"]) == ("req_theirs", "412")
    for answer in (hit, refused):
        assert answer.headers["x-request-id"] == f"req_{answer.headers['x-gateway-request-id']}"
        assert int(answer.headers["openai-processing-ms"]) >= 0
    for answer in (miss, hit):
        assert [name for name in LIMIT_HEADERS if name not in answer.headers] == []
        assert answer.headers["x-ratelimit-reset-requests"] == "1m0s"


@pytest.mark.parametrize("said", [[], [chunk({"content": "half"})]], ids=["at once", "after some words"])
def test_g27_the_providers_error_event_is_told_in_its_words(
    say: Ask, scripted: ScriptedUpstream, word: str, said: list[Any]
) -> None:
    """G27."""
    fault = {"message": "The server had an error while processing", "type": "server_error", "param": None, "code": "x"}
    scripted.script = lambda asked: stream(*said, {"error": fault}, done=False)
    answer = say(word, stream=True)
    shown = events(answer.content)[-1] if said else answer.json()
    assert shown["error"] == fault


def test_a_failure_of_the_gateways_own_is_told_as_what_it_is(plain_gateway: GatewayProcess) -> None:
    """G1's kind: nothing of ours is told as a connection to the provider that failed."""
    with plain_gateway.operator() as operator:
        text = operator.get("/metrics").text
    assert "gateway_own_failures_total{" not in text, text
    assert json.dumps("Traceback") not in plain_gateway.log()
