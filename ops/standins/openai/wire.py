"""What goes over the wire: bodies, server-sent events, OpenAI's headers, raw answers, dropped connections."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ops.standins.openai.control import Raw
from ops.standins.openai.errors import ApiError, invalid
from ops.standins.serve import DISCONNECT, Disconnect

REQUESTS_LIMIT = 10_000
TOKENS_LIMIT = 2_000_000


@dataclass(frozen=True)
class Event:
    """One server-sent event; ``content`` marks those that carry a part of the answer.

    ``broken`` is what is sent in its place when the server fails right then.
    """

    data: bytes
    content: bool = False
    broken: Callable[[], bytes] = lambda: b""


async def json_body(request: Request, first: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """The body of a request, an object. Raises ApiError; ``first`` may do so before the body is looked at."""
    raw = await request.body()
    first()
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        said = f"Unsupported content type: '{kind}'. This API method only accepts 'application/json' requests."
        raise invalid(said, code="unsupported_content_type")
    try:
        body = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        body = None
    if not isinstance(body, dict):
        raise invalid("We could not parse the JSON body of your request.", code=None)
    return body


def disconnect(request: Request) -> Disconnect:
    """The function that ends a request's connection."""
    drop: Disconnect = request.scope[DISCONNECT]
    return drop


def sse(data: Mapping[str, Any], name: str | None = None) -> bytes:
    """One server-sent event, with its name as Responses streams have it."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + msgspec.json.encode(data) + b"\n\n"


async def refused(request: Request, exc: Exception) -> Response:
    """The answer to an ApiError."""
    assert isinstance(exc, ApiError)
    return with_headers(JSONResponse(exc.body(), exc.status), time.monotonic())


def with_headers(response: Response, began: float, tokens: int = 0) -> Response:
    """``response`` with the headers OpenAI adds to every answer, unless it has its own."""
    if isinstance(response, Dropped):
        return response
    added = {
        "x-request-id": f"req_{uuid.uuid4().hex}",
        "openai-processing-ms": str(max(1, round((time.monotonic() - began) * 1000))),
        "openai-version": "2020-10-01",
        "openai-organization": "rehearsal",
        "x-ratelimit-limit-requests": str(REQUESTS_LIMIT),
        "x-ratelimit-remaining-requests": str(REQUESTS_LIMIT - 1),
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-limit-tokens": str(TOKENS_LIMIT),
        "x-ratelimit-remaining-tokens": str(max(0, TOKENS_LIMIT - tokens)),
        "x-ratelimit-reset-tokens": f"{tokens * 60_000 // TOKENS_LIMIT}ms",
    }
    for name, value in added.items():
        response.headers.setdefault(name, value)
    return response


class Dropped(Response):
    """No answer at all: the connection has been dropped."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send nothing."""


class RawAnswer(Response):
    """Bytes that a test arranged, sent as they are."""

    def __init__(self, request: Request, raw: Raw) -> None:
        super().__init__()
        self._request = request
        self._raw = raw

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send status, headers and pieces; then end, cut or reset."""
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in self._raw.headers]
        await send({"type": "http.response.start", "status": self._raw.status, "headers": headers})
        for piece in self._raw.pieces:
            await asyncio.sleep(piece.delay_s)
            await send({"type": "http.response.body", "body": piece.content(), "more_body": True})
        if self._raw.end != "clean":
            await disconnect(self._request)(self._raw.end == "reset")
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
