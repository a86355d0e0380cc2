"""gpt-4o answers where gpt-4o-mini fails for a reason of its own, and nobody pays twice."""

from __future__ import annotations

import json

import pytest

from tests.integration.gateway.conftest import Ask
from tests.integration.gateway.harness import Provider

MINI, BIG = "gpt-4o-mini", "gpt-4o"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_of_mini_is_answered_by_gpt_4o(
    ask: Ask, provider: Provider, word: str, *, status: int, stream: bool
) -> None:
    provider.fault(model=MINI, contains=word, status=status)
    answer = ask(word, stream=stream)
    assert answer.status_code == 200
    assert answer.headers["x-gateway-model"] == BIG
    assert answer.headers["x-gateway-fallback"] == "true"
    assert (provider.calls(MINI), provider.calls(BIG)) == (1, 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_the_clients_own_mistake_is_not_asked_twice(ask: Ask, provider: Provider, word: str, status: int) -> None:
    error = {"error": {"message": "the words of the provider", "type": "kind", "param": "p", "code": "c"}}
    provider.fault(model=MINI, contains=word, status=status, body=error)
    answer = ask(word)
    # A refusal of the gateway's own key is not shown as the client's.
    assert answer.status_code == (502 if status in (401, 403) else status)
    assert ("the words of the provider" in answer.json()["error"]["message"]) == (status not in (401, 403))
    assert "itellm" not in answer.text
    assert (provider.calls(MINI), provider.calls(BIG)) == (1, 0)


def test_the_context_length_error_keeps_its_code(ask: Ask, provider: Provider, word: str) -> None:
    body = {
        "error": {
            "message": "too long",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        }
    }
    provider.fault(contains=word, status=400, body=body)
    answer = ask(word)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "context_length_exceeded")


def test_a_model_that_hangs_is_left_after_its_timeout(ask: Ask, provider: Provider, word: str) -> None:
    provider.fault(model=MINI, contains=word, hang=True)
    answer = ask(word)
    assert (answer.headers["x-gateway-model"], answer.headers["x-gateway-fallback"]) == (BIG, "true")
    assert 2.5 < answer.elapsed.total_seconds() < 20


@pytest.mark.parametrize("stream", [False, True])
def test_a_dropped_connection_is_answered_by_gpt_4o(ask: Ask, provider: Provider, word: str, *, stream: bool) -> None:
    provider.fault(model=MINI, contains=word, reset=True)
    assert ask(word, stream=stream).headers["x-gateway-model"] == BIG


@pytest.mark.parametrize("fault", [{"cut_after_chunks": 0}, {"error_after_chunks": 0}])
def test_a_stream_that_breaks_before_its_first_word_is_answered_by_gpt_4o(
    ask: Ask, provider: Provider, word: str, fault: dict[str, int]
) -> None:
    provider.fault(model=MINI, contains=word, **fault)
    answer = ask(word, stream=True)
    assert answer.headers["x-gateway-model"] == BIG
    assert answer.text.rstrip().endswith("[DONE]")


@pytest.mark.parametrize("fault", [{"cut_after_chunks": 2}, {"error_after_chunks": 2}])
def test_a_stream_that_breaks_later_ends_with_an_error_and_is_not_kept(
    ask: Ask, provider: Provider, word: str, fault: dict[str, int]
) -> None:
    provider.fault(model=MINI, contains=word, count=1, **fault)
    answer = ask(word, stream=True)
    assert "[DONE]" not in answer.text
    last = json.loads(answer.text.strip().splitlines()[-1].removeprefix("data: "))
    assert last["error"]["message"]
    assert provider.calls(BIG) == 0
    assert ask(word).headers["x-gateway-cache"] == "miss"


def test_when_both_fail_the_client_gets_the_last_error_and_a_hint_when_to_retry(
    ask: Ask, provider: Provider, word: str
) -> None:
    provider.fault(contains=word, status=503, headers={"retry-after": "7"})
    answer = ask(word)
    assert answer.status_code == 503
    assert (provider.calls(MINI), provider.calls(BIG)) == (1, 1)


def test_many_failures_do_not_keep_later_requests_from_mini(ask: Ask, provider: Provider, word: str) -> None:
    provider.fault(model=MINI, contains=word, status=500, count=10)
    for number in range(10):
        assert ask(f"{word} {number}", cache={"no-cache": True}).headers["x-gateway-model"] == BIG
    answer = ask(f"{word} again", cache={"no-cache": True})
    assert (answer.headers["x-gateway-model"], answer.headers["x-gateway-fallback"]) == (MINI, "false")


def test_a_fallback_answer_is_booked_at_its_own_price(ask: Ask, provider: Provider, word: str) -> None:
    ask(f"{word} warm", cache={"no-cache": True})
    # A hit has no reservation open, so its header is the settled figure.
    before = float(ask(f"{word} warm").headers["x-ratelimit-remaining-usd"])
    provider.fault(model=MINI, contains=f"{word} costly", status=500)
    ask(f"{word} costly", n=2)
    after = float(ask(f"{word} warm").headers["x-ratelimit-remaining-usd"])
    figures = provider.figures(BIG)
    expected = (figures["prompt_tokens"] * 2.5 + figures["completion_tokens"] * 10) / 1e6
    assert before - after == pytest.approx(expected, abs=2e-6)
