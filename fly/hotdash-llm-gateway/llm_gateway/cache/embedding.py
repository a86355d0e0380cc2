"""Questions as vectors, straight from the provider: one small request, decoded without copies.

It goes round LiteLLM on purpose: through it, an embedding costs about as much CPU as a whole chat call.
"""

from __future__ import annotations

import base64

import httpx
import numpy as np
from numpy.typing import NDArray

from ..config import Embedding, Price
from ..limits.pricing import Spend, spend
from ..upstream.upstream import Endpoint

Vector = NDArray[np.float32]


class EmbeddingFailed(Exception):
    """No vector in time; the semantic tier is skipped for this request."""


class Embedder:
    """Asks the embedding model. One connection pool per process; close it with `aclose`."""

    def __init__(self, settings: Embedding, endpoint: Endpoint, price: Price) -> None:
        self._settings, self._endpoint, self._price = settings, endpoint, price
        self._http = httpx.AsyncClient(
            base_url=endpoint.base_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {endpoint.api_key}"},
            timeout=settings.timeout_s,
            limits=httpx.Limits(max_connections=50, max_keepalive_connections=20),
        )

    async def embed(self, text: str) -> tuple[Vector, Spend]:
        """The direction of a text (length 1) and what it cost; raise EmbeddingFailed if there is none in time."""
        body = {
            "model": self._endpoint.model,
            "input": text,
            "dimensions": self._settings.dimensions,
            "encoding_format": "base64",
        }
        try:
            answer = await self._http.post("embeddings", json=body)
            answer.raise_for_status()
            said = answer.json()
            raw = said["data"][0]["embedding"]
            if isinstance(raw, str):
                vector = np.frombuffer(base64.b64decode(raw), dtype="<f4").astype(np.float32)
            else:
                vector = np.asarray(raw, dtype=np.float32)
            used = {"prompt_tokens": int(said["usage"]["prompt_tokens"])}
        except (httpx.HTTPError, KeyError, IndexError, TypeError, ValueError) as error:
            raise EmbeddingFailed(type(error).__name__) from error
        if vector.shape != (self._settings.dimensions,):
            raise EmbeddingFailed(f"{vector.shape} instead of {self._settings.dimensions} numbers")
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0.0:
            raise EmbeddingFailed("a vector without direction")
        return vector / np.float32(length), spend(self._price, used)

    async def aclose(self) -> None:
        await self._http.aclose()
