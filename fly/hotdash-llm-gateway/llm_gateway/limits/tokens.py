"""Counting input tokens offline, as the provider will: o200k_base, the encoding of the gpt-4o family."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import tiktoken

PER_MESSAGE = 3
PER_REPLY = 3
# A high-detail picture is at most 8 tiles of 170 tokens and a base of 85; a low-detail one is the base alone.
# (OpenAI, "Images and vision", cost for gpt-4o.)
IMAGE_HIGH, IMAGE_LOW = 1445, 85
DEARER_PICTURES = {"gpt-4o-mini": (8 * 5667 + 2833, 2833)}
"""Models that count more tokens for the same picture: high detail, low detail (same source)."""
LONG_TEXT = 20_000
"""Characters encoded in one go. Above it the work moves to a thread, so that it does not hold up others."""


@cache
def encoding() -> tiktoken.Encoding:
    """Load o200k_base from the copy that LiteLLM brings along; tiktoken alone would go to the network for it."""
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        raise RuntimeError("litellm is not installed")
    tokenizers = Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(tokenizers)
    return tiktoken.get_encoding("o200k_base")


def count_text(text: str) -> int:
    """Tokens of a text. Very long texts are counted in pieces, which may add one token per piece."""
    encode = encoding().encode_ordinary
    return sum(len(encode(text[start : start + LONG_TEXT])) for start in range(0, len(text), LONG_TEXT))


async def count_request(body: Mapping[str, Any]) -> int:
    """Input tokens of a chat request: messages, tools, response format, pictures."""
    texts = list(_texts(body))
    if sum(map(len, texts)) > LONG_TEXT:
        counted = await asyncio.to_thread(_count_all, texts)
    else:
        counted = _count_all(texts)
    messages = body.get("messages") or ()
    return counted + PER_REPLY + PER_MESSAGE * len(messages) + sum(_pictures(messages))


def more_for_pictures(body: Mapping[str, Any], model: str) -> int:
    """What a model counts for the pictures of a request beyond what `count_request` does."""
    if model not in DEARER_PICTURES:
        return 0
    high, low = DEARER_PICTURES[model]
    pictures = _pictures(body.get("messages") or ())
    return sum(high - counted if counted == IMAGE_HIGH else low - counted for counted in pictures)


def _count_all(texts: Iterable[str]) -> int:
    return sum(map(count_text, texts))


def _texts(body: Mapping[str, Any]) -> Iterator[str]:
    for message in body.get("messages") or ():
        for name, value in message.items():
            if name == "content" and isinstance(value, list):
                for part in value:
                    if isinstance(part, Mapping) and part.get("type") != "image_url":
                        yield part["text"] if isinstance(part.get("text"), str) else json.dumps(part)
            elif value is not None:
                yield value if isinstance(value, str) else json.dumps(value)
    for name in ("tools", "functions", "response_format"):
        if body.get(name):
            yield json.dumps(body[name])


def _pictures(messages: Iterable[Mapping[str, Any]]) -> Iterator[int]:
    for message in messages:
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            if isinstance(part, Mapping) and part.get("type") == "image_url":
                picture = part.get("image_url")
                low = isinstance(picture, Mapping) and picture.get("detail") == "low"
                yield IMAGE_LOW if low else IMAGE_HIGH
