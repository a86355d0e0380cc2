"""Answers of the chat completion API: what is whole, what may be kept, and how a kept one is streamed again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..upstream.errors import UpstreamError, from_event
from . import incremental_json
from .sse import DONE, data_of, event

PIECE = re.compile(r"(?:\s*\S+){1,8}\s*|\s+")
"""Some words at a time: what a replayed stream carries per chunk."""
HEAD = ("id", "created", "model", "service_tier", "system_fingerprint")
MADE = ("content", "refusal", "tool_calls", "function_call", "audio")
"""What a message may hold besides its role; one with none of them says nothing."""


class ChatAnswers:
    """How chat completions are read."""

    def transcript(self, *, include_usage: bool) -> ChatTranscript:
        """A transcript of a stream that has not begun; `include_usage`: the client asked for the usage chunk."""
        return ChatTranscript(include_usage)

    def problem(self, answer: Mapping[str, Any], *, background: bool) -> str | None:
        """Why a whole answer is none: no choice, a choice that has not ended, or a role and nothing more."""
        choices = answer.get("choices")
        if not isinstance(choices, list) or not choices:
            return "the provider's answer has no choices"
        for choice in choices:
            message = choice.get("message") if isinstance(choice, Mapping) else None
            if not isinstance(message, Mapping) or choice.get("finish_reason") is None:
                return "the provider's answer has not ended"
            if all(message.get(name) is None for name in MADE):
                return "the provider's answer says nothing"
        return None

    def usage(self, answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The answer's usage as it is, in tokens; None if it has none."""
        usage = answer.get("usage")
        return usage if isinstance(usage, Mapping) else None

    def text(self, answer: Mapping[str, Any]) -> str:
        """All texts of all choices, refusals and tool arguments included, for counting."""
        messages = [choice.get("message") or {} for choice in answer.get("choices") or ()]
        return "".join(piece for message in messages for piece in _said(message))

    def keepable(self, answer: Mapping[str, Any]) -> bool:
        """Whether it is one choice that ended by itself, with text only: no tool, refusal, annotation or logprobs."""
        choices = answer.get("choices")
        if answer.get("error") or not isinstance(choices, list) or len(choices) != 1:
            return False
        choice = choices[0]
        message = choice.get("message") if isinstance(choice, Mapping) else None
        if not isinstance(message, Mapping) or choice.get("finish_reason") != "stop" or choice.get("logprobs"):
            return False
        if any(message.get(name) for name in MADE[1:]) or message.get("annotations"):
            return False
        content = message.get("content")
        return isinstance(content, str) and bool(content.strip())

    def made(self, answer: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Nothing: no later request can refer to a chat completion."""
        return []

    def replay(self, answer: Mapping[str, Any], *, include_usage: bool) -> Iterator[bytes]:
        """The role, the content in pieces, the finish reason, and the usage if it was asked for and is known."""
        head = {name: answer[name] for name in HEAD if name in answer} | {"object": "chat.completion.chunk"}
        usage = answer.get("usage") if include_usage else None

        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            shown = {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]}
            return event({**shown, "usage": None} if usage else shown)

        choice = answer["choices"][0]
        yield chunk({"role": "assistant", "content": "", "refusal": None})
        for piece in PIECE.findall(choice["message"]["content"]):
            yield chunk({"content": piece})
        yield chunk({}, choice.get("finish_reason") or "stop")
        if usage:
            yield event({**head, "choices": [], "usage": usage})
        yield DONE


@dataclass
class _Choice:
    pieces: list[str] = field(default_factory=list)
    plain: bool = True  # text and nothing else
    finish: str | None = None


class ChatTranscript:
    """A streamed chat completion. Chunks go on as they came, but for a usage that the client did not ask for."""

    def __init__(self, include_usage: bool) -> None:
        self.spoken = False
        self.usage: Mapping[str, Any] | None = None
        self._include_usage = include_usage
        self._head: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}
        self._done = False

    def add(self, event: bytes) -> bytes | None:
        """Take in an event; return what goes on to the client, None if nothing does.

        Raises:
            UpstreamError: the event is the provider's own error, or no chunk.
        """
        data = data_of(event)
        if not data:
            return event
        if data == b"[DONE]":
            self._done = True
            return None  # Sent by `close`, once the answer is known to be whole.
        try:
            chunk = incremental_json.answer(data)
        except (ValueError, RecursionError):
            raise UpstreamError(502, "the provider's stream holds what is no JSON", unsettled=True) from None
        if not isinstance(chunk, dict):
            raise UpstreamError(502, "the provider's stream holds what is no chunk", unsettled=True)
        if chunk.get("error"):
            raise from_event(chunk["error"])
        return self._take(chunk, event)

    def _take(self, chunk: dict[str, Any], came: bytes) -> bytes | None:
        for name in HEAD:
            if chunk.get(name) is not None:
                self._head.setdefault(name, chunk[name])
        choices = chunk.get("choices") or ()
        for choice in choices:
            self._hear(choice)
        if "usage" not in chunk:
            return came
        self.usage = chunk["usage"] or self.usage
        if self._include_usage:
            return came
        if not choices:
            return None
        return event({name: value for name, value in chunk.items() if name != "usage"})

    def _hear(self, choice: Mapping[str, Any]) -> None:
        heard = self._choices.setdefault(choice.get("index", 0), _Choice())
        delta = choice.get("delta") or {}
        said = list(_said(delta))
        heard.pieces += said
        if choice.get("logprobs") or (set(delta) - {"role", "content"} and any(delta.get(name) for name in MADE[1:])):
            heard.plain = False
        if choice.get("finish_reason") is not None:
            heard.finish = choice["finish_reason"]
        if said or heard.finish or any(delta.get(name) for name in MADE[1:]):
            self.spoken = True

    def close(self) -> bytes:
        """The event that ends the client's stream. Raises UpstreamError if a choice has not finished."""
        if not self._done:
            raise UpstreamError(502, "the provider's stream broke off before its end", unsettled=True)
        if not self._choices or any(choice.finish is None for choice in self._choices.values()):
            raise UpstreamError(502, "the provider's stream ended without a finish reason", unsettled=True)
        return DONE

    @property
    def answer(self) -> dict[str, Any] | None:
        """The chat completion that the stream amounts to; None until it is whole, or if it is more than plain text."""
        if set(self._choices) != {0} or not self._choices[0].plain or not self._done:
            return None
        choice = self._choices[0]
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(choice.pieces),
            "refusal": None,
            "annotations": [],
        }
        made = self._head | {
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": choice.finish}],
        }
        return {**made, "usage": self.usage} if self.usage else made

    def text(self) -> str:
        """All texts so far, for counting."""
        return "".join(piece for choice in self._choices.values() for piece in choice.pieces)

    def made(self) -> list[tuple[str, str]]:
        """Nothing: no later request can refer to a chat completion."""
        return []

    def failure(self, error: UpstreamError) -> bytes:
        """The event that tells the client that the stream ends here, and why."""
        told = {"message": error.message, "type": error.kind, "param": error.param, "code": error.code}
        return event({"error": told})


def _said(message: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a message or a delta: what it says, refuses, and hands to tools."""
    for name in ("content", "refusal"):
        if isinstance(message.get(name), str) and message[name]:
            yield message[name]
    calls = [*(message.get("tool_calls") or ()), {"function": message.get("function_call")}]
    for call in calls:
        for kind, text in (("function", "arguments"), ("custom", "input")):
            inner = call.get(kind) if isinstance(call, Mapping) else None
            if isinstance(inner, Mapping) and inner.get(text):
                yield str(inner[text])
