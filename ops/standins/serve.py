"""Serving an ASGI application in the foreground on both loopback addresses."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import struct
import sys
import time
from collections.abc import Awaitable, Callable, Generator, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Disconnect = Callable[[bool], Awaitable[None]]

DISCONNECT = "standin.disconnect"
SHUTDOWN_GRACE_S = 2


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with the options every stand-in has: ``--port`` and ``--state``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, required=True, help="TCP port on 127.0.0.1 and ::1; 0 picks one")
    parser.add_argument("--host", choices=("loopback", "any"), default="loopback", help="any: as a container needs it")
    parser.add_argument("--state", type=Path, required=True, help="folder for what survives a restart")
    return parser


def log(line: str) -> None:
    """Write one line to standard error at once."""
    print(line, file=sys.stderr, flush=True)


def listen(port: int, host: str = "loopback") -> list[socket.socket]:
    """Bind ``port`` on 127.0.0.1 and, where the machine has it, on ::1; for ``any``, on all addresses.

    Raises OSError when the port is taken. Two sockets, since one bound to ``::`` alone refuses IPv4 clients
    on systems that default to IPv6-only sockets.
    """
    four, six = ("0.0.0.0", "::") if host == "any" else ("127.0.0.1", "::1")  # noqa: S104 - in a container
    first = _bind(socket.AF_INET, four, port)
    port = first.getsockname()[1]
    if not _has_ipv6_loopback():
        return [first]
    try:
        return [first, _bind(socket.AF_INET6, six, port)]
    except OSError:
        first.close()
        raise


def _has_ipv6_loopback() -> bool:
    try:
        _bind(socket.AF_INET6, "::1", 0).close()
    except OSError:
        return False
    return True


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    # asyncio switches Nagle off only where the protocol is named; without it answers wait 40 ms for an ACK.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
        sock.listen(512)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


class _Server(uvicorn.Server):
    """A uvicorn server that ends with exit code 0 on SIGTERM instead of raising the signal once more."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


class Outermost:
    """Logs one line per request and lets the application drop its connection.

    The line holds method, path and status only: queries, headers and bodies may carry secrets or prompts.
    ``scope[DISCONNECT]`` is an async function; called with True it resets the connection (RST), with False
    it ends it after what was sent (FIN), in both cases without finishing the answer. It reaches for the
    transport behind uvicorn's ``send``, for which ASGI has no word.
    """

    def __init__(self, app: App, name: str) -> None:
        self.app = app
        self.name = name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope; a request is logged when it has been answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.monotonic()
        status: list[int | str] = ["-"]

        read = False

        async def reading() -> Message:
            nonlocal read
            message = await receive()
            read = message["type"] != "http.request" or not message.get("more_body", False)
            return message

        async def watching(message: Message) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
                # A connection that is closed with unread bytes takes the answer with it.
                while not read:
                    await reading()
            await send(message)

        async def disconnect(reset: bool) -> None:
            transport: asyncio.Transport = getattr(send, "__self__").transport  # noqa: B009
            if reset:
                sock = transport.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                transport.abort()
            else:
                transport.close()
            status[0] = "reset" if reset else f"{status[0]} cut"
            while (await reading())["type"] != "http.disconnect":
                pass

        scope[DISCONNECT] = disconnect
        try:
            await self.app(scope, reading, watching)
        finally:
            took = (time.monotonic() - began) * 1000
            log(f"{self.name} {scope['method']} {scope['path']} {status[0]} {took:.0f}ms")


def serve(app: App, sockets: list[socket.socket], name: str) -> None:
    """Serve ``app`` on ``sockets`` until SIGTERM or SIGINT, then return.

    Requests in flight at that moment get ``SHUTDOWN_GRACE_S`` seconds.
    """
    config = uvicorn.Config(
        Outermost(app, name),
        http="h11",
        ws="none",
        loop="asyncio",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_GRACE_S,
        timeout_keep_alive=75,
    )
    port = sockets[0].getsockname()[1]
    log(f"{name} ready on http://127.0.0.1:{port}")
    asyncio.run(_Server(config).serve(sockets))
    log(f"{name} stopped")
