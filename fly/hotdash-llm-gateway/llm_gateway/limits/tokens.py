"""Counting input tokens offline, as the provider will: o200k_base, the encoding of the gpt-4o family."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import tiktoken

from .media import Medium, hidden, tokens

PER_MESSAGE = 3
PER_REPLY = 3
LONG_TEXT = 20_000
"""Characters encoded in one go: the encoder's time grows faster than the text, and nothing else runs meanwhile."""


@dataclass(frozen=True)
class InputSize:
    """What a request asks a model to read.

    Attributes:
        text: tokens of its texts, tools and formats.
        media: pictures, documents and sound.
        earlier: tokens of what the provider keeps of earlier turns and reads again.
    """

    text: int
    media: tuple[Medium, ...] = ()
    earlier: int = 0

    def tokens(self, model: str, context: int) -> int:
        """Tokens that a model will bill for it. `context`: the most tokens it can read."""
        return self.text + self.earlier + sum(tokens(medium, model, context) for medium in self.media)

    def billed_at_most(self, model: str, context: int) -> int:
        """Tokens that a model can bill for it, whatever is in documents that cannot be counted here.

        `context`: the most tokens it can read.
        """
        if any(hidden(medium) for medium in self.media):
            return max(context, self.tokens(model, context))
        return self.tokens(model, context)


@cache
def encoding() -> tiktoken.Encoding:
    """Load o200k_base from the copy that LiteLLM brings along; tiktoken alone would go to the network for it."""
    return _bundled("o200k_base")


@cache
def embedding_encoding() -> tiktoken.Encoding:
    """cl100k_base, which the text-embedding-3 models read; from the same copy."""
    return _bundled("cl100k_base")


async def load_embedding_encoding() -> None:
    """Have it loaded, off the event loop. The first embedding asks for it: at each start it would cost 0.13 s of 3."""
    if not embedding_encoding.cache_info().currsize:
        await asyncio.to_thread(embedding_encoding)


def count_text(text: str) -> int:
    """Tokens of a text. Very long texts are counted in pieces, which may add one token per piece."""
    return _count(encoding(), text)


def count_texts(texts: Iterable[str]) -> int:
    """Tokens of several texts, each by itself."""
    return sum(map(count_text, texts))


def count_embedded(text: str) -> int:
    """Tokens of a text as an embedding model counts them."""
    return _count(embedding_encoding(), text)


def _count(encoder: tiktoken.Encoding, text: str) -> int:
    encode = encoder.encode_ordinary
    return sum(len(encode(text[start : start + LONG_TEXT])) for start in range(0, len(text), LONG_TEXT))


def _bundled(name: str) -> tiktoken.Encoding:
    spec = find_spec("litellm")
    if spec is None or spec.origin is None:
        raise RuntimeError("litellm is not installed")
    tokenizers = Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
    os.environ["TIKTOKEN_CACHE_DIR"] = str(tokenizers)
    return tiktoken.get_encoding(name)
