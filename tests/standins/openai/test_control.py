"""Faults, counters and requests of the OpenAI stand-in, and how it starts and stops."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.standins.openai.record import Record

CHAT = "/v1/chat/completions"
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}]}
STREAM = {**ASK, "stream": True}


def arrange(client: httpx.Client, *faults: dict[str, Any]) -> None:
    client.post("/_control/faults", json=list(faults)).raise_for_status()


def test_a_status_fault_lasts_for_its_count_and_its_model(openai: httpx.Client) -> None:
    body = {"error": {"message": "slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}}
    arrange(openai, {"model": "gpt-4o-mini", "count": 2, "status": 429, "body": body, "headers": {"retry-after": "7"}})
    other = openai.post(CHAT, json={**ASK, "model": "gpt-4o"})
    answers = [openai.post(CHAT, json=ASK) for _ in range(3)]
    assert other.status_code == 200
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].json() == body
    assert answers[0].headers["retry-after"] == "7"


def test_a_fault_can_choose_its_path_and_question(openai: httpx.Client) -> None:
    arrange(
        openai,
        {"match": {"path": "/embeddings"}, "status": 500},
        {"contains": "please fail", "status": 503},
    )
    assert openai.post(CHAT, json=ASK).status_code == 200
    failing = {**ASK, "messages": [{"role": "user", "content": "please fail"}]}
    assert openai.post(CHAT, json=failing).status_code == 503
    embedding = {"model": "text-embedding-3-large", "input": "x"}
    assert openai.post("/v1/embeddings", json=embedding).json()["error"]["type"] == "server_error"


def test_a_delay_is_waited_for(openai: httpx.Client) -> None:
    arrange(openai, {"delay_s": 0.3, "count": 1})
    began = time.monotonic()
    assert openai.post(CHAT, json=ASK).status_code == 200
    assert time.monotonic() - began >= 0.3


def test_a_hanging_request_never_answers_and_harms_no_other(openai: httpx.Client) -> None:
    arrange(openai, {"hang": True, "count": 1})
    with pytest.raises(httpx.ReadTimeout):
        openai.post(CHAT, json=ASK, timeout=0.3)
    assert openai.post(CHAT, json=ASK).status_code == 200


def test_a_reset_breaks_the_connection_before_an_answer(openai: httpx.Client) -> None:
    arrange(openai, {"reset": True, "count": 1})
    with pytest.raises(httpx.ReadError):
        openai.post(CHAT, json=ASK)
    assert openai.post(CHAT, json=ASK).status_code == 200


@pytest.mark.parametrize(("chunks", "text"), [(0, ""), (3, 'You asked: "Hello".')])
def test_a_stream_can_be_cut_after_some_content(openai: httpx.Client, chunks: int, text: str) -> None:
    arrange(openai, {"cut_after_chunks": chunks, "count": 1})
    got: list[str] = []
    with openai.stream("POST", CHAT, json=STREAM) as answer, pytest.raises(httpx.RemoteProtocolError):
        got.extend(line.removeprefix("data: ") for line in answer.iter_lines() if line)
    assert answer.status_code == 200
    deltas = [json.loads(event)["choices"][0]["delta"] for event in got]
    assert "".join(delta.get("content", "") for delta in deltas) == text


def test_a_stream_can_end_in_an_error_event(openai: httpx.Client) -> None:
    arrange(openai, {"error_after_chunks": 1, "count": 1})
    last = openai.post(CHAT, json=STREAM).text.strip().splitlines()[-1]
    assert '"server_error"' in last


def test_usage_figures_can_be_wrong_on_purpose(openai: httpx.Client) -> None:
    arrange(openai, {"usage": {"prompt_tokens": 9_000}, "count": 1})
    usage = openai.post(CHAT, json=ASK).json()["usage"]
    assert usage["prompt_tokens"] == 9_000
    assert usage["total_tokens"] == 9_000 + usage["completion_tokens"]


def test_a_request_can_bring_its_own_fault(openai: httpx.Client) -> None:
    assert openai.post(CHAT, json=ASK, headers={"x-standin-fault": '{"status": 502}'}).status_code == 502
    assert openai.post(CHAT, json=ASK).status_code == 200


@pytest.mark.parametrize("wrong", [{"statsu": 500}, {"status": "500"}, [1], "x"])
def test_a_fault_that_cannot_be_understood_is_refused(openai: httpx.Client, wrong: object) -> None:
    assert openai.post("/_control/faults", json=wrong).status_code == 400
    assert openai.get("/_control/faults").json() == {"faults": []}


def test_calls_and_tokens_are_counted_by_model_and_path(openai: httpx.Client) -> None:
    used = openai.post(CHAT, json=ASK).json()["usage"]
    arrange(openai, {"status": 500, "count": 1})
    openai.post(CHAT, json=ASK)
    figures = openai.get("/_control/counters").json()
    assert figures["total_calls"] == 2
    assert figures["models"]["gpt-4o-mini"][CHAT] == {
        "calls": 2,
        "errors": 1,
        "prompt_tokens": used["prompt_tokens"],
        "completion_tokens": used["completion_tokens"],
    }


def test_the_last_requests_are_kept_without_headers(openai: httpx.Client, openai_key: str) -> None:
    for question in ("one", "two", "three"):
        openai.post(CHAT, json={**ASK, "messages": [{"role": "user", "content": question}]})
    answer = openai.get("/_control/requests", params={"limit": 2})
    asked = [request["body"]["messages"][0]["content"] for request in answer.json()["requests"]]
    assert asked == ["two", "three"]
    assert openai_key not in answer.text


def test_the_requests_that_hold_a_marker_are_asked_for(openai: httpx.Client) -> None:
    for question in ("first [mine]", "another", "last [mine]"):
        openai.post(CHAT, json={**ASK, "messages": [{"role": "user", "content": question}]}).raise_for_status()
    told = openai.get("/_control/requests", params={"contains": "[mine]", "limit": 0}).json()
    assert [one["body"]["messages"][0]["content"] for one in told["requests"]] == ["first [mine]", "last [mine]"]
    assert told["forgotten"] == 0


def recorded(record: Record, contains: str = "") -> list[str]:
    """The first characters of what was asked."""
    return [json.loads(bytes(one))["body"]["text"][:6] for one in record.find(contains, 0)]


def test_a_request_is_still_recorded_after_thousands_of_others() -> None:
    record = Record()
    record.add("/v1/x", {"text": "[mine]"})
    for number in range(5000):
        record.add("/v1/x", {"text": f"{number}"})
    assert recorded(record, "[mine]") == ["[mine]"]
    assert record.forgotten == 0


def test_what_the_record_has_no_room_for_is_counted() -> None:
    record = Record(most_bytes=300)
    for number in range(5):
        record.add("/v1/x", {"text": f"{number}" * 60})
    assert recorded(record) == ["3" * 6, "4" * 6]
    assert record.forgotten == 3
    record.clear()
    assert (recorded(record), record.forgotten) == ([], 0)


def test_counters_survive_a_restart_and_reset_forgets_them(
    start: Callable[..., Any], openai_key: str, tmp_path: Path
) -> None:
    env = {"OPENAI_STANDIN_KEY": openai_key}
    headers = {"authorization": f"Bearer {openai_key}"}
    first = start("openai", env=env, state=tmp_path)
    httpx.post(first.url + CHAT, json=ASK, headers=headers, timeout=10).raise_for_status()
    first.process.kill()
    first.process.wait(10)
    second = start("openai", env=env, state=tmp_path)
    assert httpx.get(second.url + "/_control/counters", timeout=10).json()["total_calls"] == 1
    httpx.post(second.url + "/_control/reset", timeout=10)
    assert httpx.get(second.url + "/_control/counters", timeout=10).json()["total_calls"] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_exit_code_0_even_while_a_request_hangs(
    start: Callable[..., Any], openai_key: str, number: signal.Signals
) -> None:
    server = start("openai", env={"OPENAI_STANDIN_KEY": openai_key})
    httpx.post(server.url + "/_control/faults", json={"hang": True}, timeout=10)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(server.url + CHAT, json=ASK, headers={"authorization": f"Bearer {openai_key}"}, timeout=0.3)
    server.process.send_signal(number)
    assert server.process.wait(10) == 0


def test_the_log_has_a_line_per_request_and_no_secret(start: Callable[..., Any], openai_key: str) -> None:
    server = start("openai", env={"OPENAI_STANDIN_KEY": openai_key})
    asked = {**ASK, "messages": [{"role": "user", "content": "a private matter"}]}
    httpx.post(server.url + CHAT + "?key=sk-x", json=asked, headers={"authorization": f"Bearer {openai_key}"})
    assert server.stop() == 0
    log = "\n".join(server.lines)
    assert f"openai POST {CHAT} 200 " in log
    assert not any(secret in log for secret in (openai_key, "sk-x", "private matter"))


def test_without_keys_it_says_which_variable_is_missing(start: Callable[..., Any]) -> None:
    server = start("openai", env={}, wait=False)
    assert server.process.wait(20) == 2
    server.thread.join(10)
    assert "OPENAI_STANDIN_KEY" in server.lines[0]


def test_a_taken_port_is_named(start: Callable[..., Any], openai_server: Any, openai_key: str) -> None:
    taken = str(openai_server.port)
    server = start("openai", "--port", taken, env={"OPENAI_STANDIN_KEY": openai_key}, wait=False)
    assert server.process.wait(20) == 2
    server.thread.join(10)
    assert taken in server.lines[0]


def test_latency_can_be_added_to_every_answer(start: Callable[..., Any], openai_key: str) -> None:
    server = start("openai", "--latency-ms", "200", env={"OPENAI_STANDIN_KEY": openai_key})
    headers = {"authorization": f"Bearer {openai_key}"}
    answer = httpx.post(server.url + CHAT, json=ASK, headers=headers, timeout=10)
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() >= 0.2
