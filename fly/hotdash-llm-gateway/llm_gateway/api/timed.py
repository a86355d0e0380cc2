"""How long a streamed answer was waited for."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

from ..outcome import Outcome

T = TypeVar("T")


async def timed(outcome: Outcome, pieces: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """The same pieces; the time each takes to come is noted as the provider's."""
    while True:
        began = time.monotonic_ns()
        try:
            piece = await anext(pieces)
        except StopAsyncIteration:
            return
        finally:
            outcome.provider_ns += time.monotonic_ns() - began
        yield piece
