"""Answers of the Responses API: what is whole, what may be kept, and how a kept one is streamed again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..upstream.errors import UpstreamError, from_event
from . import incremental_json
from .chat_answer import PIECE
from .sse import data_of, event

ENDED = ("completed", "incomplete", "failed", "cancelled")
LAST = {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
"""Events that end a stream; each carries the whole response."""
SILENT = {"response.created", "response.in_progress", "response.queued"}
"""Events that say nothing yet."""


class ResponseAnswers:
    """How responses are read."""

    def transcript(self, *, include_usage: bool) -> ResponseTranscript:
        """A transcript of a stream that has not begun. `include_usage` has no effect: responses carry their usage."""
        return ResponseTranscript()

    def problem(self, answer: Mapping[str, Any], *, background: bool) -> str | None:
        """Why a whole answer is none: it is no response, or one still being made though nobody asked for that."""
        if answer.get("object") != "response" or not isinstance(answer.get("output"), list):
            return "the provider's answer is no response"
        if answer.get("status") not in ENDED and not background:
            return "the provider's answer has not ended"
        if answer.get("status") == "completed" and not answer["output"]:
            return "the provider's answer says nothing"
        return None

    def usage(self, answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The response's usage in tokens, under the chat API's names; None if it has none."""
        usage = answer.get("usage")
        if not isinstance(usage, Mapping):
            return None
        return {
            "prompt_tokens": usage.get("input_tokens"),
            "completion_tokens": usage.get("output_tokens"),
            "total_tokens": usage.get("total_tokens"),
            "prompt_tokens_details": usage.get("input_tokens_details"),
            "completion_tokens_details": usage.get("output_tokens_details"),
        }

    def text(self, answer: Mapping[str, Any]) -> str:
        """All texts of all output items, refusals, reasoning and tool arguments included, for counting."""
        items = [item for item in answer.get("output") or [] if isinstance(item, Mapping)]
        return "".join("".join(_texts_of(item)) for item in items)

    def keepable(self, answer: Mapping[str, Any]) -> bool:
        """Whether it is completed and holds one message of plain text without annotations."""
        output = answer.get("output") or []
        if answer.get("status") != "completed" or answer.get("error") or len(output) != 1:
            return False
        item = output[0]
        if item.get("type") != "message" or len(item.get("content") or ()) != 1:
            return False
        part = item["content"][0]
        return part.get("type") == "output_text" and bool(part.get("text", "").strip()) and not part.get("annotations")

    def made(self, answer: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The ids of the response and of its output items, which the provider stores: pairs of kind and id."""
        items = [item.get("id") for item in answer.get("output") or () if isinstance(item, Mapping)]
        named: list[tuple[str, Any]] = [("response", answer.get("id"))]
        named += [("item", identity) for identity in items]
        return [(kind, identity) for kind, identity in named if isinstance(identity, str)]

    def replay(self, answer: Mapping[str, Any], *, include_usage: bool) -> Iterator[bytes]:
        """The events of a response that is one message of text, numbered from 0."""
        item = answer["output"][0]
        part = item["content"][0]
        place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
        begun = {**answer, "status": "in_progress", "output": [], "usage": None} | (
            {"completed_at": None} if "completed_at" in answer else {}
        )
        bare = {**item, "status": "in_progress", "content": []}
        empty = {**part, "text": ""}
        told: list[tuple[str, dict[str, Any]]] = [
            ("response.created", {"response": begun}),
            ("response.in_progress", {"response": begun}),
            ("response.output_item.added", {"output_index": 0, "item": bare}),
            ("response.content_part.added", {**place, "part": empty}),
            *(
                ("response.output_text.delta", {**place, "delta": piece, "logprobs": []})
                for piece in PIECE.findall(part["text"])
            ),
            ("response.output_text.done", {**place, "text": part["text"], "logprobs": []}),
            ("response.content_part.done", {**place, "part": part}),
            ("response.output_item.done", {"output_index": 0, "item": item}),
            ("response.completed", {"response": answer}),
        ]
        for number, (name, content) in enumerate(told):
            yield event({"type": name, "sequence_number": number, **content}, name=name)


class ResponseTranscript:
    """A streamed response. Its events go on as they came."""

    def __init__(self) -> None:
        self.spoken = False
        self.answer: dict[str, Any] | None = None
        self._pieces: list[str] = []
        self._made: dict[str, str] = {}
        self._number = -1

    def add(self, event: bytes) -> bytes | None:
        """Take in an event; it goes on to the client as it is.

        Raises:
            UpstreamError: the event is the provider's own error, or no event.
        """
        data = data_of(event)
        if not data or data == b"[DONE]":
            return event
        try:
            told = incremental_json.answer(data)
        except (ValueError, RecursionError):
            raise UpstreamError(502, "the provider's stream holds what is no JSON", unsettled=True) from None
        if not isinstance(told, dict):
            raise UpstreamError(502, "the provider's stream holds what is no event", unsettled=True)
        kind = told.get("type")
        if told.get("error") and not isinstance(kind, str):
            raise from_event(told["error"])
        if kind == "error":
            raise from_event(told.get("error") or told)
        self._number = told.get("sequence_number", self._number)
        self._hear(str(kind), told)
        return event

    def _hear(self, kind: str, told: Mapping[str, Any]) -> None:
        response, item = told.get("response"), told.get("item")
        if isinstance(response, dict) and response.get("id"):
            self._made[str(response["id"])] = "response"
        if isinstance(item, Mapping) and item.get("id"):
            self._made[str(item["id"])] = "item"
        if isinstance(told.get("delta"), str):
            self._pieces.append(told["delta"])
        if kind in LAST and isinstance(response, dict):
            self.answer = response
        if kind not in SILENT:
            self.spoken = True

    @property
    def usage(self) -> Mapping[str, Any] | None:
        """Tokens by the provider's account, under the chat API's names; None until the last event."""
        return None if self.answer is None else ResponseAnswers().usage(self.answer)

    def close(self) -> bytes:
        """Nothing more is to be sent. Raises UpstreamError if the last event has not come."""
        if self.answer is None:
            raise UpstreamError(502, "the provider's stream ended before the response did", unsettled=True)
        return b""

    def text(self) -> str:
        """All texts so far, for counting."""
        return "".join(self._pieces)

    def made(self) -> list[tuple[str, str]]:
        """Kinds and ids of what the provider stores of this answer, as far as they have come."""
        return [(kind, identity) for identity, kind in self._made.items()]

    def failure(self, error: UpstreamError) -> bytes:
        """The event that tells the client that the stream ends here, and why; its number follows the last one."""
        told = {"type": "error", "code": error.code, "message": error.message, "param": error.param}
        return event({**told, "sequence_number": self._number + 1}, name="error")


def _texts_of(item: Mapping[str, Any]) -> Iterator[str]:
    """The texts of one output item: words, refusals, reasoning, arguments of tools."""
    for name in ("arguments", "input"):
        if isinstance(item.get(name), str):
            yield item[name]
    for field in ("content", "summary"):
        for part in item.get(field) or ():
            if isinstance(part, Mapping):
                yield str(part.get("text") or part.get("refusal") or "")
