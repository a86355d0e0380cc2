"""``POST /v1/moderations``."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from ops.standins.openai import rules
from ops.standins.openai.chat_rules import picture
from ops.standins.openai.errors import invalid, no_model
from ops.standins.openai.schema import load
from ops.standins.openai.service import Exchange, Service

PATH = "/v1/moderations"
DEFAULT = "omni-moderation-latest"
MODELS = ("omni-moderation-latest", "omni-moderation-2024-09-26", "text-moderation-latest", "text-moderation-stable")
# A text with these words is found violent, as if it were.
FLAG_MARK = "please flag"
FLAGGED = "violence"
TEXT_ONLY = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "sexual/minors",
)
PICTURES_TOO = (
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "violence",
    "violence/graphic",
)


@dataclass(frozen=True)
class Judged:
    """One input: its text, and whether a picture comes with it."""

    text: str
    pictured: bool = False


class Moderations:
    """The endpoint."""

    def __init__(self, service: Service) -> None:
        self.create = service.making(PATH, read, lambda inputs: inputs[0].text, self.answer, DEFAULT)

    async def answer(self, exchange: Exchange, inputs: Sequence[Judged]) -> Response:
        """The verdicts."""
        name = exchange.body.get("model") or DEFAULT
        if name not in MODELS:
            raise no_model(name)
        results = [_result(one) for one in inputs]
        return JSONResponse({"id": f"modr-{uuid.uuid4().hex}", "model": name, "results": results})


def read(body: dict[str, Any]) -> Sequence[Judged]:
    """The inputs of a request. Raises ApiError for what OpenAI refuses."""
    contract = load("moderations")
    if extra := contract.unknown(body):
        raise invalid(f"Unrecognized request argument supplied: {', '.join(extra)}", code=None)
    contract.check(body)
    given = body["input"]
    if isinstance(given, str):
        return [Judged(given)]
    rules.some(given, "input")
    if isinstance(given[0], str):
        return [Judged(text) for text in given]
    for at, part in enumerate(given):
        if part["type"] == "image_url":
            picture(part["image_url"]["url"], f"input[{at}].image_url.url")
    texts = [part["text"] for part in given if part["type"] == "text"]
    return [Judged("\n".join(texts), pictured=len(texts) < len(given))]


def _result(judged: Judged) -> dict[str, Any]:
    """One verdict: everything is harmless but what asks to be flagged."""
    found = FLAG_MARK in judged.text.lower()
    kinds = {**dict.fromkeys(TEXT_ONLY, ("text",)), **dict.fromkeys(PICTURES_TOO, ("text", "image"))}
    present = (("text",) if judged.text else ()) + (("image",) if judged.pictured else ())
    flags = {name: found and name == FLAGGED for name in sorted(kinds)}
    return {
        "flagged": found,
        "categories": flags,
        "category_scores": {name: 0.98 if flag else 0.0001 for name, flag in flags.items()},
        "category_applied_input_types": {
            name: [kind for kind in kinds[name] if kind in present] for name in sorted(kinds)
        },
    }
