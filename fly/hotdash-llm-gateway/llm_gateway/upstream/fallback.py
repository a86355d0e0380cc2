"""When another model is asked: after failures that a retry elsewhere can mend, never after the client's own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

RETRYABLE = frozenset({408, 409, 429}) | frozenset(range(500, 600))
"""Statuses after which another model may do better: busy, too slow, broken. 400, 401, 404, 422 … are not."""


class UpstreamError(Exception):
    """The provider did not answer.

    Attributes:
        status: its HTTP status, or the nearest one for what happened (408 timeout, 502 no connection).
        message: the provider's own words, fit for the client.
        kind: the provider's error type.
        code: the provider's error code, if any.
        param: the request field at fault, if named.
        retry_after: the provider's Retry-After in seconds, if it sent one.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "upstream_error",
        code: str | None = None,
        param: str | None = None,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind
        self.code, self.param, self.retry_after = code, param, retry_after


@dataclass(frozen=True)
class Answered(Generic[T]):
    """An answer, the model that gave it, and the failure of the first model if it was not that one."""

    value: T
    model: str
    after: UpstreamError | None


async def ask(model: str, fallback: str | None, call: Callable[[str], Awaitable[T]]) -> Answered[T]:
    """Ask `model`; if it fails in a way that asking elsewhere can help, ask `fallback` once.

    Raises:
        UpstreamError: of the fallback if both failed, else of the model.
    """
    try:
        return Answered(await call(model), model, None)
    except UpstreamError as error:
        if fallback is None or fallback == model or error.status not in RETRYABLE:
            raise
        return Answered(await call(fallback), fallback, error)
