"""``POST /v1/embeddings``."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from ops.standins import embedding
from ops.standins.openai import models, rules
from ops.standins.openai.asked import tokens
from ops.standins.openai.control import by_chat_names
from ops.standins.openai.errors import invalid, unsupported
from ops.standins.openai.schema import load
from ops.standins.openai.service import Exchange, Service

PATH = "/v1/embeddings"
# By the reference: inputs and tokens of one request, tokens of one input.
INPUTS = 2048
INPUT_TOKENS = 8192
REQUEST_TOKENS = 300_000


@dataclass(frozen=True)
class Inputs:
    """The texts to embed and the tokens each is billed."""

    texts: tuple[str, ...]
    tokens: tuple[int, ...]

    @property
    def first(self) -> str:
        """The first text, by which faults are chosen."""
        return self.texts[0]


class Embeddings:
    """The endpoint."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.create = service.making(PATH, read, lambda inputs: inputs.first, self.answer)

    async def answer(self, exchange: Exchange, inputs: Inputs) -> Response:
        """The vectors."""
        model = self._service.catalog.embedding(exchange.model)
        dimensions = exchange.body.get("dimensions")
        if dimensions is not None:
            if not model.name.startswith("text-embedding-3"):
                raise unsupported("dimensions")
            rules.within(exchange.body, "dimensions", 1, model.dimensions)
        size = dimensions or model.dimensions
        vectors = [await asyncio.to_thread(embedding.embed, text, size) for text in inputs.texts]
        used = sum(inputs.tokens)
        figures = by_chat_names(exchange.fault.usage)
        used = figures.get("prompt_tokens", used)
        usage = {"prompt_tokens": used, "total_tokens": figures.get("total_tokens", used)}
        exchange.prompt_tokens = usage["prompt_tokens"]
        encode = _as_base64 if exchange.body.get("encoding_format") == "base64" else list
        data = [{"object": "embedding", "index": at, "embedding": encode(v)} for at, v in enumerate(vectors)]
        return JSONResponse({"object": "list", "data": data, "model": model.dated, "usage": usage})


def read(body: dict[str, Any]) -> Inputs:
    """The inputs of a request. Raises ApiError for what OpenAI refuses."""
    contract = load("embeddings")
    if extra := contract.unknown(body):
        raise invalid(f"Unrecognized request argument supplied: {', '.join(extra)}", code=None)
    if "input" in body:
        models.given(body)
    contract.check(body)
    given = body["input"]
    several = isinstance(given, list) and not (given and isinstance(given[0], int))
    inputs = given if several else [given]
    rules.some(inputs, "input")
    rules.few(inputs, "input", INPUTS)
    read = [_one(one, f"input[{at}]" if several else "input") for at, one in enumerate(inputs)]
    if sum(count for _, count in read) > REQUEST_TOKENS:
        said = f"Invalid 'input': maximum request size is {REQUEST_TOKENS} tokens per request."
        raise invalid(said, "input", "max_tokens_per_request")
    return Inputs(tuple(text for text, _ in read), tuple(count for _, count in read))


def _one(given: str | list[int], path: str) -> tuple[str, int]:
    """One input as text, with its tokens."""
    if not given:
        raise invalid(f"Invalid '{path}': input cannot be an empty {_name(given)}.", path)
    if isinstance(given, str):
        text, count = given, tokens(given)
    else:
        # Nothing here knows OpenAI's vocabulary: equal numbers embed alike, and that is all that can be had.
        if any(number < 0 for number in given):
            raise invalid(f"Invalid '{path}': token numbers cannot be negative.", path)
        text, count = " ".join(str(number) for number in given), len(given)
    if count > INPUT_TOKENS:
        said = (
            f"This model's maximum context length is {INPUT_TOKENS} tokens, however you requested {count} tokens "
            f"({count} in your prompt; 0 for the completion). Please reduce your prompt; or completion length."
        )
        raise invalid(said, path, None)
    return text, count


def _name(given: object) -> str:
    return "string" if isinstance(given, str) else "array"


def _as_base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
