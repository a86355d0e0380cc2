"""What every endpoint shares: keys, bodies, arranged misbehaviour, counters, OpenAI's headers."""

from __future__ import annotations

import asyncio
import hmac
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ops.standins.openai.control import Control, Fault, Raw, parse_faults
from ops.standins.openai.errors import ApiError, invalid
from ops.standins.openai.models import Catalog
from ops.standins.serve import DISCONNECT, Disconnect

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]
REQUESTS_LIMIT = 10_000
TOKENS_LIMIT = 2_000_000


@dataclass
class Exchange:
    """One request to make something: its body, the fault arranged for it, and what it will be billed."""

    request: Request
    path: str
    body: dict[str, Any]
    model: str
    fault: Fault = field(default_factory=Fault)
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Service:
    """The stand-in's common part.

    Args:
        control: what tests arranged and what was counted.
        keys: accepted API keys.
        models: names it serves.
        latency_s: seconds before every answer.
        chunk_delay_s: seconds before every chunk of a stream.
    """

    def __init__(
        self,
        control: Control,
        keys: Sequence[str],
        models: Sequence[str],
        latency_s: float = 0.0,
        chunk_delay_s: float = 0.0,
    ) -> None:
        self.control = control
        self.catalog = Catalog(models)
        self._keys = [key.encode() for key in keys]
        self._latency_s = latency_s
        self._chunk_delay_s = chunk_delay_s

    def authorise(self, request: Request) -> None:
        """Raise ApiError unless the request brings one of the keys."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        secret = given.strip().encode()
        if scheme.lower() != "bearer" or not any(hmac.compare_digest(secret, key) for key in self._keys):
            raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")

    def reading(self, handler: Handler) -> Handler:
        """``handler`` for requests without a body: with a key only, and misbehaving as arranged."""

        async def handle(request: Request) -> Response:
            began = time.monotonic()
            self.authorise(request)
            path = request.url.path
            if (raw := self.control.take_raw(path, path)) is not None:
                return _sent_raw(request, raw)
            refused = await self._misbehave(request, self.control.take_fault(path, "", "", by_path=True) or Fault())
            return _with_headers(refused or await handler(request), began)

        return handle

    def making(
        self,
        path: str,
        read: Callable[[dict[str, Any]], T],
        question: Callable[[T], str],
        answer: Callable[[Exchange, T], Awaitable[Response]],
        default_model: str | None = None,
    ) -> Handler:
        """An endpoint whose body asks for something.

        Args:
            path: under which it is counted.
            read: checks the body; raises ApiError for what OpenAI refuses.
            question: the text by which faults and raw answers are chosen.
            answer: makes the answer and says in the exchange what it is billed.
            default_model: under which a request that names none is counted.
        """

        async def handle(request: Request) -> Response:
            began = time.monotonic()
            body = await json_body(request, lambda: self.authorise(request))
            self.control.remember(path, body)
            exchange = Exchange(request, path, body, self.catalog.listed(str(body.get("model", default_model))))
            try:
                asked = read(body)
                if (raw := self.control.take_raw(path, question(asked))) is not None:
                    prompt, completion = raw.billed()
                    self.control.count(path, exchange.model, prompt=prompt, completion=completion)
                    return _sent_raw(request, raw)
                exchange.fault = self._fault(request, path, exchange.model, question(asked))
                refused = await self._misbehave(request, exchange.fault)
                response = refused or await answer(exchange, asked)
            except ApiError:
                self.control.count(path, exchange.model, failed=True)
                raise
            self.control.count(
                path,
                exchange.model,
                prompt=exchange.prompt_tokens,
                completion=exchange.completion_tokens,
                failed=refused is not None,
            )
            return _with_headers(response, began, exchange.prompt_tokens)

        return handle

    def _fault(self, request: Request, path: str, model: str, question: str) -> Fault:
        header = request.headers.get("x-standin-fault")
        if header is not None:
            return parse_faults(msgspec.json.decode(header))[0]
        return self.control.take_fault(path, model, question) or Fault()

    async def _misbehave(self, request: Request, fault: Fault) -> Response | None:
        """Wait, hang, reset or refuse as ``fault`` says; None when the request may go on."""
        await asyncio.sleep(self._latency_s + fault.delay_s)
        if fault.hang:
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return _Dropped()
        if fault.reset:
            await disconnect(request)(True)
            return _Dropped()
        if fault.status is not None:
            broken = ApiError(fault.status, "The server had an error (arranged).", kind="server_error")
            body = broken.body() if fault.body is None else fault.body
            return JSONResponse(body, fault.status, headers=fault.headers)
        return None

    def stream(self, exchange: Exchange, events: Iterable[Event]) -> Response:
        """Server-sent events, broken off as arranged."""
        return StreamingResponse(
            self._events(exchange, events),
            media_type="text/event-stream; charset=utf-8",
            headers={"cache-control": "no-cache"},
        )

    async def _events(self, exchange: Exchange, events: Iterable[Event]) -> AsyncIterator[bytes]:
        fault = exchange.fault
        delay_s = self._chunk_delay_s + fault.chunk_delay_s
        sent = 0
        for event in events:
            if event.content:
                if sent == fault.cut_after_chunks:
                    await disconnect(exchange.request)(False)
                    return
                if sent == fault.end_after_chunks:
                    return
                if sent == fault.error_after_chunks:
                    yield event.broken()
                    return
                sent += 1
                if delay_s:
                    await asyncio.sleep(delay_s)
            yield event.data


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
    return _with_headers(JSONResponse(exc.body(), exc.status), time.monotonic())


def _with_headers(response: Response, began: float, tokens: int = 0) -> Response:
    """``response`` with the headers OpenAI adds to every answer, unless it has its own."""
    if isinstance(response, _Dropped):
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


class _Dropped(Response):
    """No answer at all: the connection has been dropped."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send nothing."""


def _sent_raw(request: Request, raw: Raw) -> Response:
    return _Raw(request, raw)


class _Raw(Response):
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
