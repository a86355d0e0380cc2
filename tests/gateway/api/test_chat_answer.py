"""Streams and completions turn into each other without loss; anything unfinished turns into nothing."""

from __future__ import annotations

from typing import Any

import pytest
from llm_gateway.api.replay import as_stream, assemble, complete

TEXT = "You may return it\nwithin 30 days,  unused.\n\n- keep the box\n- keep the label; naïve 退货 ✓\n"


def completion(content: str | None = TEXT, finish: str = "stop", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **message}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": finish}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12},
    }  # fmt: skip


@pytest.mark.parametrize("text", [TEXT, " lead", "trail ", "x", "\n\nx", "a " * 500])
def test_a_replayed_answer_is_the_stored_one(text: str) -> None:
    chunks = list(as_stream(completion(text), include_usage=True))
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 12
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    assert assemble(chunks) == completion(text)


def test_usage_comes_only_when_asked_for() -> None:
    chunks = list(as_stream(completion()))
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert not any("usage" in chunk for chunk in chunks)


@pytest.mark.parametrize(
    "damage",
    [
        lambda chunks: chunks[:-1],
        lambda chunks: [*chunks[:2], {"error": {"message": "gone"}}, *chunks[2:]],
        lambda chunks: [*chunks[:-1], {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}],
        lambda chunks: [*chunks, {"choices": [{"index": 1, "delta": {"content": "second"}}]}],
        lambda chunks: [{"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0}]}}]}, *chunks],
        lambda chunks: [{"choices": [{"index": 0, "delta": {"refusal": "No."}}]}, *chunks],
        lambda chunks: [],
    ],
)
def test_a_damaged_stream_is_no_answer(damage: Any) -> None:
    assert assemble(damage(list(as_stream(completion())))) is None


@pytest.mark.parametrize(
    "answer",
    [
        completion(finish="length"),
        completion(finish="content_filter"),
        completion(None),
        completion("  "),
        completion(tool_calls=[{"id": "1"}]),
        completion(refusal="No."),
        completion() | {"choices": completion()["choices"] * 2},
        completion() | {"choices": []},
        completion() | {"error": {"message": "x"}},
        {},
    ],
)
def test_only_whole_plain_answers_are_complete(answer: dict[str, Any]) -> None:
    assert complete(completion())
    assert not complete(answer)
