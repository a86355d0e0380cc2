"""The ASGI application: authentication, routing, and sending replies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from .api.body import unreadable
from .api.capacity import Capacity, Full
from .api.reply import Reply, error_reply, json_reply
from .api.request import DATED, unknown_model
from .api.routes import OFFERED, OPERATOR_ROUTES, Match, Route, match, methods
from .api.throttle import Throttle
from .config import Team
from .gateway import Gateway
from .lasting import described
from .ops import admin

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


STALLED_S = 60.0
"""How long a client may leave a streamed answer unread before it is taken for gone."""
BROKEN_OFF_S = 2.0
"""How long requests that a stop breaks off may take to book what they have used."""
REFUSED_BODY, REFUSED_BODY_S = 64 * 1024, 0.5
"""How much of a refused request's body, in bytes, and how long, in seconds, is waited for before the answer."""
LINGER_BYTES, LINGER_S = 8 * 1024 * 1024, 2.0
"""How much of a body that was not waited for, and how long, is taken behind the answer: a connection that is closed on
a body half sent may lose the answer on its way."""
WRONG_KEYS, MALFORMED = 30, 300
"""A minute, by address; more of them are answered 429."""
PIECE = 256 * 1024
"""Bytes of a long answer that are sent at a time."""
CLIENT_HEADER = "x-gateway-client"
"""The client's address, as the edge saw it."""
UNREAD = (b"x-gateway-body", b"unread")
"""Tells the edge that the answer came before the request's body was there: it must not take the rest of the body for
the next request."""


class TooLarge(Exception):
    """The body is longer than the gateway takes."""


class ClientLeft(Exception):
    """The client was gone before its request was complete."""


class Body:
    """A request's body, as it comes.

    Attributes:
        ended: whether all of it has come.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.ended = False

    async def read(self, most: int) -> bytes:
        """All of it. Raises TooLarge for more than `most` bytes, and ClientLeft."""
        pieces: list[bytes] = []
        async for piece in self._pieces(most):
            pieces.append(piece)
        return b"".join(pieces)

    async def drain(self, most: int, longest_s: float) -> None:
        """Let what is not wanted come: at most so many bytes, at most so long."""
        if self.ended:
            return
        with contextlib.suppress(TimeoutError, TooLarge, ClientLeft):
            async with asyncio.timeout(longest_s):
                async for _ in self._pieces(most):
                    pass

    async def _pieces(self, most: int) -> AsyncIterator[bytes]:
        while not self.ended:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self.ended = True
                raise ClientLeft
            self.ended = not message.get("more_body")
            piece: bytes = message.get("body", b"")
            most -= len(piece)
            if most < 0:
                raise TooLarge
            yield piece


class App:
    """Routes requests of one gateway process."""

    def __init__(self, gateway: Gateway, *, metrics_port: int | None = None) -> None:
        """`metrics_port`: whatever scrapes metrics comes to this one, without a key; nothing else is there."""
        self._gateway, self._metrics_port = gateway, metrics_port
        self._started = int(time.time())
        self._running: set[asyncio.Task[Any]] = set()
        self._wrong_keys, self._malformed = Throttle(WRONG_KEYS), Throttle(MALFORMED)
        self._capacity = Capacity()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope: a request, or the life of the process."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            task = asyncio.current_task()
            assert task is not None
            self._running.add(task)
            try:
                await self._http(scope, receive, send)
            finally:
                self._running.discard(task)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._gateway.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                if self._running:
                    # The server has cancelled them and does not wait until each is booked and traced.
                    await asyncio.wait(self._running, timeout=BROKEN_OFF_S)
                await self._gateway.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = Body(receive)
        # What a request holds, it holds until its answer has been sent.
        with contextlib.ExitStack() as held:
            try:
                reply = await self._reply(scope, body, held)
                await body.drain(REFUSED_BODY, REFUSED_BODY_S)
            except (TooLarge, TimeoutError) as error:
                reply = _client_error(*self._not_read(error))
            except ClientLeft:
                return
            except Exception as error:
                reply = self._our_own_failure(error)
            try:
                await _send(reply, send, body, body_wanted=scope["method"] != "HEAD")
            except Exception as error:
                # The answer has begun: all that can be done is to end it unfinished, which the client sees.
                self._our_own_failure(error)

    def _our_own_failure(self, error: Exception) -> Reply:
        """What is neither the client's nor the provider's doing is told as what it is, and counted."""
        self._gateway.counters.own_failures[type(error).__name__] += 1
        log.error("a request failed for a reason of our own: %s", described(error))
        return error_reply(500, "the gateway failed; its log says why", kind="internal_error")

    async def _reply(self, scope: Scope, body: Body, held: contextlib.ExitStack) -> Reply:
        method, path = scope["method"], scope["path"]
        if self._metrics_port is not None and (scope.get("server") or ("", None))[1] == self._metrics_port:
            found = match(method, path)
            if found is None or found.route is not Route.METRICS:
                return _client_error(404, "only GET /metrics is here")
            return await admin.exposed(self._gateway)
        # The path as sent: a %2f that became a slash is another path than the ones listed.
        raw_path = scope.get("raw_path")
        if raw_path is not None and raw_path != path.encode():
            return _not_offered(method, path)
        found = match(method, path)
        headers = _headers(scope)
        if found is None:
            if methods(path):
                return _client_error(405, f"only {', '.join(methods(path))}", allow=", ".join(methods(path)))
            return _not_offered(method, path)
        authorization = headers.get("authorization")
        if found.route is Route.LIVE:
            return json_reply(200, {"status": "alive"})
        if found.route is Route.READY:
            return self._readiness(authorization)
        if found.route in OPERATOR_ROUTES:
            if not self._gateway.teams.is_operator(authorization):
                return self._unknown_key(headers, scope)
            return await admin.answer(self._gateway, found.route, await self._body(headers, body))
        team = self._gateway.teams.identify(authorization)
        if team is None:
            return self._unknown_key(headers, scope)
        if (frozen := self._gateway.switches.frozen(team.name)) is not None:
            return self._gateway.dispatcher.refuse_frozen(team, found, frozen)
        if found.route is Route.MODELS:
            return json_reply(200, {"object": "list", "data": [self._model(name) for name in self._models()]})
        if found.route is Route.MODEL:
            return self._one_model(found.ids["id"])
        try:
            if self._capacity.full:
                raise Full
            # A place is taken by what can be worked on: bodies that do not come hold up nobody.
            raw = await self._body(headers, body)
            held.enter_context(self._capacity.place())
        except Full as full:
            return self._gateway.dispatcher.shed(team, found, full)
        except (TooLarge, TimeoutError) as error:
            self._gateway.dispatcher.note_unread(team, found, *self._not_read(error))
            raise
        return await self._answer(team, found, headers, scope, raw)

    async def _answer(self, team: Team, found: Match, headers: dict[str, str], scope: Scope, raw: bytes) -> Reply:
        refused = unreadable(headers)
        query = scope.get("query_string", b"").decode("latin-1")
        reply = await self._gateway.dispatcher.dispatch(
            team, found, raw, query=query, cache_control=headers.get("cache-control"), refused=refused
        )
        if reply.status not in (400, 404, 415, 422):
            return reply
        # Others at the same address, whose requests are in order, never feel it.
        address = _address(headers, scope)
        if wait_s := self._malformed.wait_s(address):
            return _slow_down("too many malformed requests from this address", wait_s)
        self._malformed.failed(address)
        return reply

    async def _body(self, headers: dict[str, str], body: Body) -> bytes:
        """The request's body. Raises TooLarge, ClientLeft, and TimeoutError if it does not arrive in time."""
        limit = self._gateway.config.max_body_bytes
        length = headers.get("content-length") or "0"
        if length.isdigit() and int(length) > limit:
            raise TooLarge
        async with asyncio.timeout(self._gateway.config.body_s):
            return await body.read(limit)

    def _not_read(self, error: TooLarge | TimeoutError) -> tuple[int, str]:
        """Why a body was not read: the status of its answer, and what that says."""
        if isinstance(error, TooLarge):
            return 413, f"the body is longer than {self._gateway.config.max_body_bytes} bytes"
        return 408, f"the body did not arrive within {self._gateway.config.body_s} s"

    def _readiness(self, authorization: str | None) -> Reply:
        """Ready or not; why not is the operator's alone to know."""
        reasons = self._gateway.not_ready()
        if not reasons:
            return json_reply(200, {"status": "ready"})
        told = {"reasons": reasons} if self._gateway.teams.is_operator(authorization) else {}
        return json_reply(503, {"status": "not ready", **told})

    def _models(self) -> tuple[str, ...]:
        config = self._gateway.config
        return (*config.chat_models, *config.embedding_models)

    def _model(self, name: str) -> dict[str, Any]:
        return {"id": name, "object": "model", "created": self._started, "owned_by": "openai"}

    def _one_model(self, asked: str) -> Reply:
        for name in (asked, DATED.sub("", asked)):
            if name in self._models():
                return json_reply(200, {**self._model(name), "id": asked})
        error = unknown_model(asked, self._models())
        return error_reply(404, error.message, kind="invalid_request_error", param="model", code=error.code)

    def _unknown_key(self, headers: dict[str, str], scope: Scope) -> Reply:
        address = _address(headers, scope)
        if wait_s := self._wrong_keys.wait_s(address):
            return _slow_down("too many requests with a wrong key from this address", wait_s)
        self._wrong_keys.failed(address)
        self._gateway.counters.wrong_keys += 1
        return error_reply(
            401,
            "Incorrect API key provided: no team has this key; send one as 'Authorization: Bearer KEY'",
            kind="invalid_request_error",
            code="invalid_api_key",
            headers={"www-authenticate": "Bearer"},
        )


def _headers(scope: Scope) -> dict[str, str]:
    """The headers by name. What comes in several lines is one list (RFC 9110, 5.3), so two keys are no key."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


async def _send(reply: Reply, send: Send, body: Body, *, body_wanted: bool) -> None:
    headers = [(b"content-type", reply.media_type.encode()), (b"x-content-type-options", b"nosniff")]
    unread = not body.ended
    if unread:
        headers.append(UNREAD)
    if "x-request-id" not in reply.headers:
        headers.append((b"x-request-id", f"req_{secrets.token_hex(16)}".encode()))
    headers += [(name.encode(), value.encode("latin-1", "replace")) for name, value in reply.headers.items()]
    if isinstance(reply.body, bytes):
        headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        try:
            await _send_whole(reply.body if body_wanted else b"", send, more=unread)
        except TimeoutError:
            return  # The server sees an unfinished answer and closes the connection.
        if unread:
            await body.drain(LINGER_BYTES, LINGER_S)
            await send({"type": "http.response.body", "body": b""})
        return
    headers.append((b"cache-control", b"no-cache"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    stalled = False
    async with contextlib.aclosing(reply.body) as pieces:
        # Read to the end even if the client has left (the server then drops what is sent): it is paid for.
        async for piece in pieces:
            if stalled:
                continue
            try:
                async with asyncio.timeout(STALLED_S):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                stalled = True
            except OSError:
                continue
    if not stalled:  # Else the server sees an unfinished answer and closes the connection.
        await send({"type": "http.response.body", "body": b""})


async def _send_whole(body: bytes, send: Send, *, more: bool = False) -> None:
    """A body of many megabytes is handed over a piece at a time, each when there is room for it.

    Raises:
        TimeoutError: the client has not read for `STALLED_S`; what waits for it shall not hold a place for good.
    """
    last = max(0, len(body) - 1) // PIECE * PIECE
    for start in range(0, last + 1, PIECE):
        piece = {"type": "http.response.body", "body": body[start : start + PIECE], "more_body": start < last or more}
        async with asyncio.timeout(STALLED_S):
            await send(piece)


def _client_error(status: int, message: str, **headers: str) -> Reply:
    return error_reply(status, message, kind="invalid_request_error", headers=headers)


def _not_offered(method: str, path: str) -> Reply:
    return _client_error(404, f"Invalid URL ({method} {path[:80]}); this gateway offers {OFFERED}")


def _slow_down(message: str, wait_s: float) -> Reply:
    wait = str(max(1, math.ceil(wait_s)))
    headers = {"retry-after": wait, "x-should-retry": "false"}
    return error_reply(429, f"{message}; try again in {wait} s", kind="rate_limit_exceeded", headers=headers)


def _address(headers: dict[str, str], scope: Scope) -> str:
    """The client's address: as the edge saw it, else the peer's."""
    peer = scope.get("client") or ("",)
    return headers.get(CLIENT_HEADER) or str(peer[0])
