"""What every endpoint shares: keys, arranged answers and misbehaviour, counters, streams."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from ops.standins.openai.control import Control, Fault, parse_faults
from ops.standins.openai.errors import ApiError
from ops.standins.openai.models import Catalog
from ops.standins.openai.wire import Dropped, Event, RawAnswer, disconnect, json_body, with_headers

T = TypeVar("T")
Handler = Callable[[Request], Awaitable[Response]]


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
                return RawAnswer(request, raw)
            refused = await self._misbehave(request, self.control.take_fault(path, "", "", by_path=True) or Fault())
            return with_headers(refused or await handler(request), began)

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
            self.control.requests.add(path, body)
            exchange = Exchange(request, path, body, self.catalog.listed(str(body.get("model", default_model))))
            try:
                asked = read(body)
                if (raw := self.control.take_raw(path, question(asked))) is not None:
                    prompt, completion = raw.billed()
                    self.control.count(path, exchange.model, prompt=prompt, completion=completion)
                    return RawAnswer(request, raw)
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
            return with_headers(response, began, exchange.prompt_tokens)

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
            return Dropped()
        if fault.reset:
            await disconnect(request)(True)
            return Dropped()
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
