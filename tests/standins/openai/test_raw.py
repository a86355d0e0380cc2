"""Arranged answers, byte by byte."""

from __future__ import annotations

import base64
import time
from typing import Any

import httpx
import pytest

from tests.standins.openai.ask import CHAT, RESPONSES, chat, response

STREAM = [("content-type", "text/event-stream"), ("x-request-id", "req_mine"), ("x-twice", "1"), ("x-twice", "2")]
BROKEN = {"marker": "m", "pieces": [{"base64": "?"}]}
HALF = b'data: {"choices": [{"delta": {"content": "\xc3'


def arrange(client: httpx.Client, *raws: dict[str, Any]) -> None:
    client.post("/_control/raws", json=list(raws)).raise_for_status()


def encoded(data: bytes, **more: Any) -> dict[str, Any]:
    return {"base64": base64.b64encode(data).decode(), **more}


def test_bytes_status_and_headers_are_sent_as_arranged(openai: httpx.Client) -> None:
    pieces = [encoded(HALF), encoded(b"\xa9"), {"data": '"}}]}\n\n'}]
    arrange(openai, {"marker": "m-1", "status": 207, "headers": STREAM, "pieces": pieces})
    answer = openai.post(CHAT, json=chat("please m-1 now", stream=True))
    assert answer.status_code == 207
    assert answer.content == HALF + b'\xa9"}}]}\n\n'
    sent = [(name, value) for name, value in answer.headers.multi_items() if name not in ("date", "transfer-encoding")]
    assert sent == STREAM
    assert openai.post(CHAT, json=chat("please m-1 now")).json()["object"] == "chat.completion"


def test_g27_pieces_arrive_one_by_one(openai: httpx.Client) -> None:
    """G27"""
    pieces = [{"data": "one"}, {"data": "two", "delay_s": 0.3}, {"data": ""}, {"data": "three"}]
    arrange(openai, {"marker": "m-1", "headers": STREAM, "pieces": pieces})
    began = time.monotonic()
    with openai.stream("POST", CHAT, json=chat("m-1")) as answer:
        got = answer.iter_raw()
        assert next(got) == b"one"
        assert b"".join(got) == b"twothree"
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("end", "error"), [("cut", httpx.RemoteProtocolError), ("reset", httpx.ReadError)])
def test_g2_a_raw_answer_can_be_cut_or_reset(openai: httpx.Client, end: str, error: type[httpx.HTTPError]) -> None:
    """G2, G11"""
    arrange(openai, {"marker": "m-1", "headers": STREAM, "pieces": [{"data": "half"}], "end": end})
    got: list[bytes] = []
    with pytest.raises(error), openai.stream("POST", CHAT, json=chat("m-1")) as answer:
        got.extend(answer.iter_raw())
    assert got == [b"half"]


def test_answers_of_one_marker_come_in_order_and_by_path(openai: httpx.Client) -> None:
    arrange(
        openai,
        {"marker": "m-1", "path": "/responses", "pieces": [{"data": "r"}]},
        {"marker": "m-1", "pieces": [{"data": "1"}]},
        {"marker": "m-1", "pieces": [{"data": "2"}], "count": 2},
        {"marker": "m-2", "pieces": [{"data": "always"}], "count": None},
    )
    assert openai.get("/_control/raws").json() == {"waiting": {"m-1": 3, "m-2": 1}}
    said = [openai.post(CHAT, json=chat("m-1")).text for _ in range(3)]
    assert said == ["1", "2", "2"]
    assert openai.post(RESPONSES, json=response("m-1")).text == "r"
    assert [openai.post(CHAT, json=chat("m-2")).text for _ in range(2)] == ["always"] * 2
    assert openai.delete("/_control/raws").json() == {"waiting": {}}


def test_reading_is_answered_by_a_marker_in_the_path(openai: httpx.Client) -> None:
    arrange(openai, {"marker": "resp_mine", "pieces": [{"data": "{}"}]})
    assert openai.get(f"{RESPONSES}/resp_mine").text == "{}"
    assert openai.get(f"{RESPONSES}/resp_mine").status_code == 404


def test_what_is_billed_for_a_raw_answer_is_counted(openai: httpx.Client) -> None:
    arrange(openai, {"marker": "m-1", "usage": {"input_tokens": 5, "completion_tokens": 6}})
    openai.post(CHAT, json=chat("m-1"))
    counted = openai.get("/_control/counters").json()["models"]["gpt-4o-mini"][CHAT]
    assert (counted["prompt_tokens"], counted["completion_tokens"]) == (5, 6)


@pytest.mark.parametrize(
    "wrong", [{"pieces": []}, {"marker": "m", "end": "bang"}, {"marker": "m", "piece": []}, [1], BROKEN]
)
def test_a_raw_answer_that_cannot_be_understood_is_refused(openai: httpx.Client, wrong: object) -> None:
    assert openai.post("/_control/raws", json=wrong).status_code == 400
    assert openai.get("/_control/raws").json() == {"waiting": {}}


def test_500_arranged_answers_find_their_questions(openai: httpx.Client) -> None:
    arrange(openai, *({"marker": f"<{at}>", "pieces": [{"data": f"answer {at}"}]} for at in range(500)))
    for at in reversed(range(500)):
        assert openai.post(CHAT, json=chat(f"What of <{at}>?")).text == f"answer {at}"


@pytest.mark.parametrize(
    ("reply", "field"),
    [({"refusal": "No."}, "refusal"), ({"reply": "Yes."}, "content"), ({"tool_calls": [{"name": "f"}]}, "tool_calls")],
)
def test_a_reply_can_be_a_text_a_refusal_or_calls(openai: httpx.Client, reply: dict[str, Any], field: str) -> None:
    openai.post("/_control/replies", json={"contains": "x", **reply}).raise_for_status()
    message = openai.post(CHAT, json=chat("x")).json()["choices"][0]["message"]
    assert [name for name in ("content", "refusal", "tool_calls") if message.get(name)] == [field]


def test_a_reply_that_says_nothing_is_refused(openai: httpx.Client) -> None:
    assert openai.post("/_control/replies", json={"contains": "x"}).status_code == 400


def test_looking_something_up_does_not_use_up_a_fault_meant_for_questions(openai: httpx.Client) -> None:
    openai.post("/_control/faults", json={"status": 500, "count": 1}).raise_for_status()
    assert openai.get("/v1/models").status_code == 200
    assert openai.post(CHAT, json=chat("x")).status_code == 500
    openai.post("/_control/faults", json={"status": 503, "path": "/v1/models"}).raise_for_status()
    assert openai.get("/v1/models").status_code == 503


def test_g2_a_chat_stream_can_end_as_if_that_were_all(openai: httpx.Client) -> None:
    """G2"""
    openai.post("/_control/faults", json={"end_after_chunks": 2, "count": 1}).raise_for_status()
    text = openai.post(CHAT, json=chat("Hello", stream=True)).text
    assert text.count("data: ") == 3
    assert "[DONE]" not in text
    assert '"finish_reason":"stop"' not in text
