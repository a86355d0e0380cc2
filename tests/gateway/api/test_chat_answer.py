"""Chat completions: which are whole, which may be kept, how streams are read and kept answers streamed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from llm_gateway.api.chat_answer import ChatAnswers, ChatTranscript
from llm_gateway.api.sse import DONE, event
from llm_gateway.upstream.errors import UpstreamError

TEXT = "You may return it\nwithin 30 days,  unused.\n\n- keep the box\n- keep the label; naïve 退货 ✓\n"
KIND = ChatAnswers()
Events = list[bytes]


def completion(content: str | None = TEXT, finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, "refusal": None, "annotations": [], **message}
    return {
        "id": "chatcmpl-1", "created": 1, "model": "gpt-4o-mini", "object": "chat.completion",
        "choices": [{"index": 0, "message": said, "logprobs": None, "finish_reason": finish}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12},
    }  # fmt: skip


def chunk(delta: dict[str, Any], finish: str | None = None, *, index: int = 0, **fields: Any) -> bytes:
    choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
    return event(
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]} | fields
    )


def heard(events: Iterable[bytes], *, include_usage: bool = True) -> tuple[ChatTranscript, list[bytes]]:
    """A transcript of a whole stream, and what went on to the client."""
    transcript = ChatTranscript(include_usage)
    shown = [seen for each in events if (seen := transcript.add(each)) is not None]
    return transcript, [*shown, transcript.close()]


@pytest.mark.parametrize("text", [TEXT, " lead", "trail ", "x", "\n\nx", "a " * 500])
def test_a_replayed_answer_is_the_kept_one(text: str) -> None:
    replayed = list(KIND.replay(completion(text), include_usage=True))
    transcript, shown = heard(replayed)
    assert transcript.answer == completion(text)
    assert shown == replayed
    first, *_, finish, usage, done = [json.loads(each[6:]) if each != DONE else DONE for each in replayed]
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert finish["choices"][0]["finish_reason"] == "stop"
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 12)
    assert done == DONE


def test_a_replay_shows_usage_only_when_asked_for() -> None:
    replayed = list(KIND.replay(completion(), include_usage=False))
    assert not any(b'"usage"' in each for each in replayed)
    assert b'"finish_reason":"stop"' in replayed[-2]


def test_chunks_go_on_as_the_bytes_they_came_in() -> None:
    odd = b'data: {"id" : "c","choices":[{"index":0,"delta":{"content":"\\u00e9 \xc3\xa9"},"new":[1.0e2]}]}\r\n\r\n'
    comment = b": keep-alive\n\n"
    _, shown = heard([odd, comment, chunk({}, "stop"), DONE])
    assert shown == [odd, comment, chunk({}, "stop"), DONE]


def test_usage_that_the_client_did_not_ask_for_is_taken_out_and_booked() -> None:
    last = event({"id": "c", "choices": [], "usage": {"total_tokens": 5}})
    transcript, shown = heard(
        [chunk({"content": "hi"}, usage=None), chunk({}, "stop", usage=None), last, DONE], include_usage=False
    )
    assert shown == [chunk({"content": "hi"}), chunk({}, "stop"), DONE]
    assert transcript.usage == {"total_tokens": 5}


HALF: dict[str, Callable[[Events], Events]] = {
    "no [DONE]": lambda events: events[:-1],
    "no finish reason": lambda events: [*events[:-2], DONE],
    "neither": lambda events: events[:-2],
    "one of two choices unfinished": lambda events: [chunk({"content": "x"}, index=1), *events],
    "nothing but the end": lambda events: [DONE],
    "nothing": lambda events: [],
}


@pytest.mark.parametrize("how", HALF)
def test_a_half_answer_is_an_error(how: str) -> None:
    """G2."""
    whole = [chunk({"role": "assistant", "content": ""}), chunk({"content": "The limit is 1"}), chunk({}, "stop"), DONE]
    heard(whole)
    with pytest.raises(UpstreamError) as broken:
        heard(HALF[how](whole))
    assert broken.value.status == 502


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (event({"error": {"message": "their words", "type": "t", "code": "c", "param": None}}), "their words"),
        (b"data: {not json}\n\n", "no JSON"),
        (b"data: [1]\n\n", "no chunk"),
    ],
)
def test_the_providers_own_error_is_told_in_its_words(told: bytes, message: str) -> None:
    """G27."""
    with pytest.raises(UpstreamError, match=message) as broken:
        ChatTranscript(True).add(told)
    shown = json.loads(ChatTranscript(True).failure(broken.value)[6:])["error"]
    assert set(shown) == {"message", "type", "param", "code"}


def test_interleaved_choices_all_end() -> None:
    """G4."""
    events = [
        chunk({"role": "assistant", "content": ""}), chunk({"role": "assistant", "content": ""}, index=1),
        chunk({"content": "a"}), chunk({"content": "b"}, index=1),
        chunk({}, "stop"), chunk({}, "length", index=1), DONE,
    ]  # fmt: skip
    transcript, shown = heard(events)
    assert shown == events
    assert transcript.answer is None  # Nothing with several choices is kept.


@pytest.mark.parametrize(
    ("delta", "spoken"),
    [
        ({"role": "assistant", "content": ""}, False),
        ({"role": "assistant", "content": "", "refusal": None}, False),
        ({"refusal": ""}, False),
        ({"content": "hi"}, True),
        ({"refusal": "I can't"}, True),
        ({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "look", "arguments": ""}}]}, True),
        ({"function_call": {"name": "look", "arguments": ""}}, True),
        ({"audio": {"id": "audio_1"}}, True),
    ],
)
def test_a_role_alone_says_nothing(delta: dict[str, Any], *, spoken: bool) -> None:
    """G3: a refusal is something said."""
    transcript = ChatTranscript(True)
    transcript.add(chunk(delta))
    assert transcript.spoken is spoken


REFUSED = [chunk({"role": "assistant", "refusal": ""}), chunk({"refusal": "I can't"}), chunk({"refusal": " help."})]


@pytest.mark.parametrize(
    "events",
    [
        REFUSED,
        [chunk({"tool_calls": [{"index": 0, "function": {"name": "look", "arguments": "{}"}}]})],
        [chunk({"function_call": {"name": "look", "arguments": "{}"}})],
        [chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk({}, "stop", index=1)],
        [event({"id": "c", "choices": [{"index": 0, "delta": {"content": "a"}, "logprobs": {"content": [{}]}}]})],
    ],
    ids=["refusal", "tools", "function", "two choices", "log probabilities"],
)
def test_what_is_more_than_text_goes_on_whole_and_is_not_kept(events: Events) -> None:
    """G3, G4."""
    transcript, shown = heard([*events, chunk({}, "stop"), DONE])
    assert shown == [*events, chunk({}, "stop"), DONE]
    assert transcript.answer is None or not KIND.keepable(transcript.answer)


def test_every_word_is_counted_refusals_too() -> None:
    """G3."""
    transcript, _ = heard([*REFUSED, chunk({}, "stop"), DONE])
    assert transcript.text() == "I can't help."


@pytest.mark.parametrize(
    "answer",
    [
        completion() | {"choices": []},
        completion() | {"choices": None},
        {},
        completion(finish=None),
        completion(None),
        completion() | {"choices": [{"index": 0, "finish_reason": "stop"}]},
        completion() | {"choices": [*completion()["choices"], {"index": 1, "finish_reason": None}]},
    ],
    ids=["no choices", "null", "nothing", "no finish", "a role alone", "no message", "one of two"],
)
def test_a_whole_answer_that_is_none_has_a_problem(answer: dict[str, Any]) -> None:
    """G12."""
    assert KIND.problem(answer, background=False)


@pytest.mark.parametrize(
    "answer",
    [
        completion(), completion(""), completion(None, refusal="No."), completion(None, "tool_calls", tool_calls=[{}]),
        completion(finish="length"), completion(None, audio={"id": "a"}),
    ],
    ids=["text", "empty text", "refusal", "tools", "cut at the bound", "audio"],
)  # fmt: skip
def test_whatever_has_ended_and_says_something_is_an_answer(answer: dict[str, Any]) -> None:
    assert KIND.problem(answer, background=False) is None


@pytest.mark.parametrize(
    "answer",
    [
        completion(finish="length"),
        completion(finish="content_filter"),
        completion(None),
        completion("  "),
        completion(tool_calls=[{"id": "1"}]),
        completion(refusal="No."),
        completion(annotations=[{"type": "url_citation"}]),
        completion(audio={"id": "a"}),
        completion() | {"choices": completion()["choices"] * 2},
        completion() | {"choices": []},
        completion() | {"error": {"message": "x"}},
        {},
    ],
)
def test_only_whole_plain_answers_are_kept(answer: dict[str, Any]) -> None:
    assert KIND.keepable(completion())
    assert not KIND.keepable(answer)
