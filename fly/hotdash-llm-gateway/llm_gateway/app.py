"""The ASGI application: who may go where, and how answers travel."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from .api.reply import Reply, error_reply, json_reply
from .api.routes import OPERATOR_ROUTES, Route, match, methods
from .gateway import Gateway
from .ops import admin

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


STALLED_S = 60.0
"""How long a client may leave a streamed answer unread before it is taken for gone."""


class TooLarge(Exception):
    """The body is longer than the gateway takes."""


class ClientLeft(Exception):
    """The client was gone before its request was complete."""


class App:
    """Routes requests of one gateway process."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._started = int(time.time())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._gateway.start()
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self._gateway.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            reply = await self._reply(scope, receive)
        except TooLarge:
            limit = self._gateway.config.max_body_bytes
            reply = _client_error(413, f"the body is longer than {limit} bytes")
        except ClientLeft:
            return
        except Exception:
            log.exception("a request failed for a reason of our own")
            reply = error_reply(500, "the gateway failed; its log says why", kind="internal_error")
        await _send(reply, send, body_wanted=scope["method"] != "HEAD")

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        method, path = scope["method"], scope["path"]
        # The path as sent: a %2f that became a slash, or a //, is another path than the ones listed.
        raw_path = scope.get("raw_path")
        if raw_path is not None and raw_path != path.encode():
            return _client_error(404, "there is nothing here")
        route = match(method, path)
        if route is None:
            if methods(path):
                return _client_error(405, f"only {', '.join(methods(path))}", allow=", ".join(methods(path)))
            return _client_error(404, "there is nothing here")
        if route is Route.LIVE:
            return json_reply(200, {"status": "alive"})
        if route is Route.READY:
            reasons = self._gateway.not_ready()
            if reasons:
                return json_reply(503, {"status": "not ready", "reasons": reasons})
            return json_reply(200, {"status": "ready"})
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        authorization = headers.get("authorization")
        if route in OPERATOR_ROUTES:
            if not self._gateway.teams.is_operator(authorization):
                return _unknown_key()
            body = await _body(headers, receive, self._gateway.config.max_body_bytes)
            return await admin.answer(self._gateway, route, body)
        team = self._gateway.teams.identify(authorization)
        if team is None:
            return _unknown_key()
        if route is Route.MODELS:
            return self._models()
        body = await _body(headers, receive, self._gateway.config.max_body_bytes)
        return await self._gateway.chat.answer(team, body, cache_control=headers.get("cache-control"))

    def _models(self) -> Reply:
        models = [
            {"id": name, "object": "model", "created": self._started, "owned_by": "openai"}
            for name in self._gateway.config.chat_models
        ]
        return json_reply(200, {"object": "list", "data": models})


async def _body(headers: dict[str, str], receive: Receive, limit: int) -> bytes:
    if int(headers.get("content-length") or 0) > limit:
        raise TooLarge
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > limit:
            raise TooLarge
        if not message.get("more_body"):
            return b"".join(pieces)


async def _send(reply: Reply, send: Send, *, body_wanted: bool) -> None:
    headers = [(b"content-type", reply.media_type.encode()), (b"x-content-type-options", b"nosniff")]
    headers += [(name.encode(), value.encode("latin-1", "replace")) for name, value in reply.headers.items()]
    if isinstance(reply.body, bytes):
        headers.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body if body_wanted else b""})
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


def _client_error(status: int, message: str, **headers: str) -> Reply:
    return error_reply(status, message, kind="invalid_request_error", headers=headers)


def _unknown_key() -> Reply:
    return error_reply(
        401,
        "no team has this key; send one as 'Authorization: Bearer KEY'",
        kind="authentication_error",
        code="invalid_api_key",
        headers={"www-authenticate": "Bearer"},
    )
