"""What a test can ask of, or arrange in, the OpenAI stand-in: faults, replies, raw answers, counters, requests."""

from __future__ import annotations

import base64
import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from ops.standins.openai.record import Record


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One way to misbehave, and for which requests.

    ``model``, ``path`` and ``contains`` (in the last user message) choose the requests; None matches all.
    ``count`` is how many requests it takes, None for ever. What happens, in this order: ``delay_s`` seconds
    pass; ``hang`` never answers; ``reset`` resets the connection; ``status`` answers with that status,
    ``body`` (default: an error in OpenAI's shape) and ``headers``. In a stream, after k chunks with content
    (0: before the first), ``cut_after_chunks`` breaks the connection, ``end_after_chunks`` ends the body as if
    that were all, and ``error_after_chunks`` sends an error event. ``chunk_delay_s`` slows each chunk;
    ``usage`` replaces figures of the token usage. A response ends with ``outcome`` instead of completed.
    """

    model: str | None = None
    path: str | None = None
    contains: str | None = None
    count: int | None = None
    delay_s: float = 0.0
    hang: bool = False
    reset: bool = False
    status: int | None = None
    body: Any = None
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    cut_after_chunks: int | None = None
    end_after_chunks: int | None = None
    error_after_chunks: int | None = None
    chunk_delay_s: float = 0.0
    usage: dict[str, int] = msgspec.field(default_factory=dict)
    outcome: Literal["failed", "content_filter"] | None = None

    def matches(self, path: str, model: str, question: str) -> bool:
        """Whether this fault is meant for such a request and not used up."""
        return (
            (self.count is None or self.count > 0)
            and (self.path is None or path.endswith(self.path))
            and (self.model is None or self.model == model)
            and (self.contains is None or self.contains in question)
        )


class ReplyCall(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A tool call in a `Reply`; ``arguments`` are sent as they are, valid JSON or not."""

    name: str
    arguments: str = "{}"
    custom: bool = False


class Reply(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A fixed answer for requests whose last user message holds ``contains`` (and system text ``system``).

    It is the text ``reply``, the refusal ``refusal``, or the calls ``tool_calls``. ``usage`` replaces figures
    of the token usage, by the names of either endpoint.
    """

    contains: str
    reply: str | None = None
    refusal: str | None = None
    tool_calls: list[ReplyCall] = msgspec.field(default_factory=list)
    system: str = ""
    usage: dict[str, int] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.reply is None and self.refusal is None and not self.tool_calls:
            raise ValueError("one of reply, refusal and tool_calls is needed")


class Piece(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Bytes of a raw answer, as text or in base64, and the seconds before them."""

    data: str = ""
    base64: str | None = None
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        self.content()

    def content(self) -> bytes:
        """The bytes."""
        return self.data.encode() if self.base64 is None else base64.b64decode(self.base64, validate=True)


class Raw(msgspec.Struct, forbid_unknown_fields=True):
    """Bytes to answer with, for a request whose question (or path, where it has none) holds ``marker``.

    ``path`` is the end of the path, None for any; ``count`` is how many requests it answers, None for ever.
    The ``pieces`` are written one by one; at ``end`` the answer is finished (``clean``), or the connection
    closed (``cut``) or reset without finishing it. ``usage`` is what the counters note as billed.
    """

    marker: str
    path: str | None = None
    status: int = 200
    headers: list[tuple[str, str]] = msgspec.field(default_factory=lambda: [("content-type", "application/json")])
    pieces: list[Piece] = msgspec.field(default_factory=list)
    end: Literal["clean", "cut", "reset"] = "clean"
    count: int | None = 1
    usage: dict[str, int] = msgspec.field(default_factory=dict)

    def billed(self) -> tuple[int, int]:
        """The prompt and the completion tokens of ``usage``."""
        figures = by_chat_names(self.usage)
        return figures.get("prompt_tokens", 0), figures.get("completion_tokens", 0)


def by_chat_names(usage: Mapping[str, int]) -> dict[str, int]:
    """``usage`` with the names chat completions have for what Responses call input and output."""
    renamed = {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"}
    return {renamed.get(name, name): value for name, value in usage.items()}


def parse_faults(raw: Any) -> list[Fault]:
    """Read one fault or a list; a nested ``match`` object is understood too.

    Raises msgspec.ValidationError, whose message names the field.
    """
    items = raw if isinstance(raw, list) else [raw]
    flat = [
        {**{k: v for k, v in item.items() if k != "match"}, **(item.get("match") or {})}
        if isinstance(item, dict)
        else item
        for item in items
    ]
    return msgspec.convert(flat, list[Fault])


def parse_replies(raw: Any) -> list[Reply]:
    """Read one reply or a list. Raises msgspec.ValidationError, whose message names the field."""
    return msgspec.convert(raw if isinstance(raw, list) else [raw], list[Reply])


def parse_raws(raw: Any) -> list[Raw]:
    """Read one raw answer or a list. Raises msgspec.ValidationError, whose message names the field."""
    return msgspec.convert(raw if isinstance(raw, list) else [raw], list[Raw])


class Counter(msgspec.Struct):
    """Calls of one model on one path."""

    calls: int = 0
    errors: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Control:
    """Counters (kept in ``state/counters.json``), and what was arranged and asked (in memory)."""

    def __init__(self, state: Path) -> None:
        state.mkdir(parents=True, exist_ok=True)
        self._file = state / "counters.json"
        self._counters: dict[str, dict[str, Counter]] = {}
        self.faults: list[Fault] = []
        self.replies: list[Reply] = []
        self._raws: dict[str, deque[Raw]] = {}
        self.requests = Record()
        self._load()

    def _load(self) -> None:
        try:
            self._counters = msgspec.json.decode(self._file.read_bytes(), type=dict[str, dict[str, Counter]])
        except FileNotFoundError:
            return

    def _save(self) -> None:
        part = self._file.with_suffix(".part")
        part.write_bytes(msgspec.json.encode(self._counters))
        os.replace(part, self._file)

    def reset(self) -> None:
        """Forget everything: counters, faults, replies, raw answers, requests."""
        self._counters.clear()
        self.faults.clear()
        self.replies.clear()
        self._raws.clear()
        self.requests.clear()
        self._save()

    def count(self, path: str, model: str, *, prompt: int = 0, completion: int = 0, failed: bool = False) -> None:
        """Count one call of ``model`` on ``path`` with its tokens."""
        counter = self._counters.setdefault(model, {}).setdefault(path, Counter())
        counter.calls += 1
        counter.errors += failed
        counter.prompt_tokens += prompt
        counter.completion_tokens += completion
        self._save()

    def figures(self) -> dict[str, Any]:
        """``{"models": {model: {path: figures}}, "total_calls": n}``."""
        total = sum(c.calls for paths in self._counters.values() for c in paths.values())
        return {"models": msgspec.to_builtins(self._counters), "total_calls": total}

    def take_fault(self, path: str, model: str, question: str, *, by_path: bool = False) -> Fault | None:
        """The first fault meant for this request, its count lowered; None when it may succeed.

        With ``by_path`` only a fault that names a path is, which looking something up must not use up otherwise.
        """
        for fault in self.faults:
            if fault.matches(path, model, question) and not (by_path and fault.path is None):
                if fault.count is not None:
                    fault.count -= 1
                return fault
        return None

    def find_reply(self, system: str, question: str) -> Reply | None:
        """The newest fixed reply for this request."""
        for reply in reversed(self.replies):
            if reply.contains in question and reply.system in system:
                return reply
        return None

    def add_raws(self, raws: list[Raw]) -> None:
        """Arrange raw answers; those with the same marker are given in this order."""
        for raw in raws:
            self._raws.setdefault(raw.marker, deque()).append(raw)

    def forget_raws(self) -> None:
        """Drop all raw answers."""
        self._raws.clear()

    def waiting_raws(self) -> dict[str, int]:
        """How many raw answers wait, by marker."""
        return {marker: len(queue) for marker, queue in self._raws.items()}

    def take_raw(self, path: str, question: str) -> Raw | None:
        """The first raw answer for this request, its count lowered."""
        for marker, queue in self._raws.items():
            if marker not in question:
                continue
            for raw in queue:
                if raw.path is None or path.endswith(raw.path):
                    if raw.count is not None:
                        raw.count -= 1
                        if raw.count <= 0:
                            queue.remove(raw)
                            if not queue:
                                del self._raws[marker]
                    return raw
        return None
