"""What decides an answer, read from a chat or a Responses request alike, and what was decided."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

TOKEN_CHARS = 4
# What a reasoning model thinks before it says anything.
REASONING_TOKENS = 64


def thought(reasons: bool, effort: str | None) -> int:
    """The reasoning tokens of an answer by a model that ``reasons``, or does not."""
    return REASONING_TOKENS if reasons and effort not in ("none", "minimal") else 0


def tokens(text: str) -> int:
    """About as many tokens as a model counts in ``text``: four characters each, at least one."""
    return max(1, math.ceil(len(text) / TOKEN_CHARS))


@dataclass(frozen=True)
class Tool:
    """A tool the model may call; ``parameters`` is None for a custom tool, which takes free text."""

    name: str
    parameters: Mapping[str, Any] | None


@dataclass(frozen=True)
class Format:
    """The form the answer must have: any JSON object when ``schema`` is None."""

    schema: Mapping[str, Any] | None


@dataclass(frozen=True)
class Asked:
    """A question to the model.

    ``messages`` is all that was said, as role and text. ``tools`` are those it may call by ``tool_choice``;
    ``must_call`` forbids an answer in words. ``called`` and ``results`` are the names of the tools called since the
    last user message, and what came back.
    """

    model: str
    system: str
    question: str
    messages: tuple[Mapping[str, str], ...] = ()
    tools: tuple[Tool, ...] = ()
    must_call: bool = False
    parallel: bool = True
    called: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    format: Format | None = None


@dataclass(frozen=True)
class Call:
    """A call of a tool: ``arguments`` is JSON text, or free text for a custom tool."""

    name: str
    arguments: str
    custom: bool = False


@dataclass(frozen=True)
class Said:
    """What the model says: a text, a refusal, or calls of tools."""

    text: str = ""
    refusal: str | None = None
    calls: tuple[Call, ...] = ()

    def tokens(self) -> int:
        """The tokens billed for it."""
        if self.calls:
            return sum(tokens(call.arguments) for call in self.calls)
        return tokens(self.text if self.refusal is None else self.refusal)

    def cut(self, limit: int | None) -> tuple[Said, bool]:
        """As much of it as ``limit`` tokens hold, and whether that is not all."""
        if limit is None or self.tokens() <= limit:
            return self, False
        if not self.calls:
            end = limit * TOKEN_CHARS
            return replace(self, text=self.text[:end], refusal=self.refusal and self.refusal[:end]), True
        kept = []
        for call in self.calls:
            if limit <= 0:
                break
            kept.append(replace(call, arguments=call.arguments[: limit * TOKEN_CHARS]))
            limit -= tokens(call.arguments)
        return replace(self, calls=tuple(kept)), True
