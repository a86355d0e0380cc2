"""Questions as vectors, straight from the provider: one small request, decoded without copies."""

from __future__ import annotations

import asyncio
import base64
import json

import numpy as np
from numpy.typing import NDArray

from ..config import Embedding, Price
from ..limits.pricing import Spend, spend
from ..upstream.errors import UpstreamError
from ..upstream.provider import Provider, encode

Vector = NDArray[np.float32]


class EmbeddingFailed(Exception):
    """No vector in time; the semantic tier is skipped for this request."""


class Embedder:
    """Asks the embedding model."""

    def __init__(self, settings: Embedding, provider: Provider, price: Price) -> None:
        self._settings, self._provider, self._price = settings, provider, price

    async def embed(self, text: str) -> tuple[Vector, Spend]:
        """The direction of a text (length 1) and what it cost; raise EmbeddingFailed if there is none in time."""
        content = encode({"input": text, "dimensions": self._settings.dimensions, "encoding_format": "base64"})
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                answer = await self._provider.whole(self._settings.model, "embeddings", content)
            said = json.loads(answer.body)
            raw = said["data"][0]["embedding"]
            if isinstance(raw, str):
                vector = np.frombuffer(base64.b64decode(raw), dtype="<f4").astype(np.float32)
            else:
                vector = np.asarray(raw, dtype=np.float32)
            used = {"prompt_tokens": int(said["usage"]["prompt_tokens"])}
        except (UpstreamError, TimeoutError, KeyError, IndexError, TypeError, ValueError) as error:
            raise EmbeddingFailed(type(error).__name__) from error
        if vector.shape != (self._settings.dimensions,):
            raise EmbeddingFailed(f"{vector.shape} instead of {self._settings.dimensions} numbers")
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0.0:
            raise EmbeddingFailed("a vector without direction")
        return vector / np.float32(length), spend(self._price, used)
