"""The OpenAI stand-in answers as OpenAI's API does, where the gateway looks."""

from __future__ import annotations

import json
import math
import socket
from typing import Any

import httpx
import pytest

CHAT = "/v1/chat/completions"
MODEL = "text-embedding-3-large"


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}


def events(text: str) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_an_answer_quotes_the_last_user_message_and_counts_tokens(openai: httpx.Client) -> None:
    first = openai.post(CHAT, json=ask("Why is the sky blue?")).json()
    again = openai.post(CHAT, json=ask("Why is the sky blue?")).json()
    choice = first["choices"][0]
    assert "Why is the sky blue?" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert choice == again["choices"][0]
    assert first["id"] != again["id"]
    usage = first["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] == math.ceil(len(choice["message"]["content"]) / 4)


def test_a_stream_adds_up_to_the_plain_answer_and_ends_with_the_usage(openai: httpx.Client) -> None:
    plain = openai.post(CHAT, json=ask("Hello")).json()
    streamed = openai.post(CHAT, json=ask("Hello", stream=True, stream_options={"include_usage": True}))
    assert streamed.headers["content-type"].startswith("text/event-stream")
    chunks = events(streamed.text)
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert text == plain["choices"][0]["message"]["content"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == plain["usage"]
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert {c["object"] for c in chunks} == {"chat.completion.chunk"}


def test_a_stream_without_the_option_carries_no_usage(openai: httpx.Client) -> None:
    chunks = events(openai.post(CHAT, json=ask("Hello", stream=True)).text)
    assert all("usage" not in chunk for chunk in chunks)


def test_max_tokens_cuts_the_answer(openai: httpx.Client) -> None:
    answer = openai.post(CHAT, json=ask("Hello", max_tokens=3)).json()
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3


def test_n_choices_differ_and_are_all_counted(openai: httpx.Client) -> None:
    answer = openai.post(CHAT, json=ask("Hello", n=3)).json()
    texts = [choice["message"]["content"] for choice in answer["choices"]]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert len(set(texts)) == 3
    assert answer["usage"]["completion_tokens"] == sum(math.ceil(len(text) / 4) for text in texts)


def test_tools_lead_to_a_call_with_fitting_arguments_and_its_result_to_an_answer(openai: httpx.Client) -> None:
    schema = {"type": "object", "properties": {"order": {"type": "string"}, "fast": {"type": "boolean"}}}
    tools = [{"type": "function", "function": {"name": "track", "parameters": schema}}]
    answer = openai.post(CHAT, json=ask("Where is order 7?", tools=tools)).json()["choices"][0]
    assert answer["finish_reason"] == "tool_calls"
    call = answer["message"]["tool_calls"][0]["function"]
    assert call["name"] == "track"
    assert json.loads(call["arguments"]) == {"order": "Where is order 7?", "fast": True}
    body = ask("Where is order 7?", tools=tools)
    body["messages"].append(answer["message"])
    call_id = answer["message"]["tool_calls"][0]["id"]
    body["messages"].append({"role": "tool", "tool_call_id": call_id, "content": "shipped"})
    last = openai.post(CHAT, json=body).json()["choices"][0]
    assert last["finish_reason"] == "stop"
    assert "The tools said: shipped." in last["message"]["content"]


def test_a_judge_reads_unless_a_reply_was_arranged(openai: httpx.Client) -> None:
    passage = openai.post(CHAT, json=ask("What is the return policy?")).json()["choices"][0]["message"]["content"]

    def judged(new: str) -> str:
        body = ask(json.dumps({"STORED": "What is the return policy?", "ANSWER": passage, "NEW": new}))
        body["messages"].insert(0, {"role": "system", "content": "Reply with one word: yes or no."})
        text: str = openai.post(CHAT, json=body).json()["choices"][0]["message"]["content"]
        return text

    assert judged("How do I return an item?") == "yes"
    assert judged("What is the warranty policy?") == "no"
    arranged = {"system": "one word", "contains": "", "reply": "yes", "usage": {"completion_tokens": 1}}
    assert openai.post("/_control/replies", json=arranged).status_code == 200
    assert judged("What is the warranty policy?") == "yes"


@pytest.mark.parametrize("key", ["", "Bearer wrong", "Basic abc"])
def test_a_wrong_key_is_refused_in_openais_shape(openai: httpx.Client, key: str) -> None:
    answer = openai.post(CHAT, json=ask("Hello"), headers={"authorization": key})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
    assert "wrong" not in answer.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (ask("Hello", model="gpt-5"), 404, "model_not_found"),
        (ask("Hello", model=MODEL), 404, None),
        ({"model": "gpt-4o"}, 400, "missing_required_parameter"),
        ({"model": "gpt-4o", "messages": [{"role": "boss", "content": "x"}]}, 400, "invalid_value"),
        (ask("x" * 600_000), 400, "context_length_exceeded"),
        (ask("Hello", max_tokens=0), 400, "integer_below_min_value"),
        (ask("Hello", stream_options={"include_usage": True}), 400, None),
    ],
)
def test_what_openai_refuses_is_refused(
    openai: httpx.Client, body: dict[str, Any], status: int, code: str | None
) -> None:
    answer = openai.post(CHAT, json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code


def test_a_body_that_is_no_json_is_a_400(openai: httpx.Client) -> None:
    assert openai.post(CHAT, content=b"{").status_code == 400


def test_an_answer_does_not_wait_for_an_acknowledgement(openai: httpx.Client) -> None:
    took = [openai.post(CHAT, json=ask("Hello")).elapsed.total_seconds() for _ in range(20)]
    # With Nagle's algorithm on, every answer over a kept connection takes 40 ms and more.
    assert min(took[1:]) < 0.035


def test_it_listens_on_ipv6_too(openai_server: Any, openai: httpx.Client) -> None:
    if not _has_ipv6():
        pytest.skip("this machine has no ::1")
    answer = httpx.get(f"http://[::1]:{openai_server.port}/v1/models", headers=dict(openai.headers), timeout=5)
    assert answer.status_code == 200


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True
