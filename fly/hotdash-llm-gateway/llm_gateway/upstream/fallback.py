"""When another model is asked: after failures that a retry elsewhere can mend, never after the client's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from .errors import UpstreamError

T = TypeVar("T")

RETRYABLE = frozenset({408, 409, 429}) | frozenset(range(500, 600))
"""Statuses after which another model may do better: busy, too slow, broken. 400, 401, 404, 422 … are not."""


@dataclass(frozen=True)
class Answered(Generic[T]):
    """An answer, the model that gave it, and the failure of the first model if it was not that one."""

    value: T
    model: str
    after: UpstreamError | None


async def ask(
    model: str,
    fallback: str | None,
    call: Callable[[str], Awaitable[T]],
    *,
    failed: Callable[[str, UpstreamError], None] | None = None,
) -> Answered[T]:
    """Ask `model`; if it fails in a way that asking elsewhere can help, ask `fallback` once.

    Args:
        model, fallback: names of models; no second attempt if `fallback` is None or the same.
        call: makes one attempt.
        failed: told of each failed attempt, the last one included.

    Raises:
        UpstreamError: of the fallback if both failed, else of the model.
    """

    async def attempt(name: str) -> T:
        try:
            return await call(name)
        except UpstreamError as error:
            if failed is not None:
                failed(name, error)
            raise

    try:
        return Answered(await attempt(model), model, None)
    except UpstreamError as error:
        if fallback is None or fallback == model or error.status not in RETRYABLE:
            raise
        return Answered(await attempt(fallback), fallback, error)
