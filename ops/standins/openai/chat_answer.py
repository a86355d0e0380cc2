"""A complete chat answer, from which both the whole and the streamed form are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.standins.openai.asked import Said


@dataclass(frozen=True)
class Choice:
    """One choice; ``legacy`` says its call as ``function_call``, as for requests with ``functions``.

    ``ids`` are those of its calls.
    """

    index: int
    said: Said
    finish: str
    tokens: int
    legacy: bool = False
    ids: tuple[str, ...] = ()

    def tool_calls(self) -> list[dict[str, Any]]:
        """Its calls as OpenAI's objects."""
        made: list[dict[str, Any]] = []
        for name, call in zip(self.ids, self.said.calls, strict=True):
            kind = "custom" if call.custom else "function"
            content = {"name": call.name, "input" if call.custom else "arguments": call.arguments}
            made.append({"id": name, "type": kind, kind: content})
        return made


@dataclass(frozen=True)
class Answer:
    """A complete answer; ``logprobs`` is how many alternatives are told per token, None for no logprobs."""

    id: str
    created: int
    model: str
    choices: tuple[Choice, ...]
    usage: Mapping[str, Any]
    service_tier: str
    logprobs: int | None
    include_usage: bool
    obfuscate: bool

    def head(self, kind: str) -> dict[str, Any]:
        """The fields that an object of ``kind`` begins with."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "service_tier": self.service_tier,
            "system_fingerprint": "fp_rehearsal",
        }
