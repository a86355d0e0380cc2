"""Very many requests in the same moment, each on a connection of its own: when it was answered, and how."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RETRY_AFTER = "retry-after"
SHED = (429, 503)


@dataclass(frozen=True)
class Got:
    """What came of one request.

    Attributes:
        status: 0 if there was none: then `lost` says why.
        headers: by lower-case name.
        at, began_s, ended_s: when it was sent and its answer began and ended, by the monotonic clock.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    at: float = 0.0
    began_s: float = 0.0
    ended_s: float = 0.0
    lost: str = ""

    @property
    def shed(self) -> bool:
        """It was refused for want of room, in a way that a client understands."""
        return self.status in SHED and self.headers.get(RETRY_AFTER, "").isdigit()


def post(host: str, path: str, key: str, body: Mapping[str, Any]) -> bytes:
    """A request as it goes over the wire."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content


def get(host: str, path: str) -> bytes:
    """The same for a GET without a key."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


async def ask(address: tuple[str, int], request: bytes, within_s: float) -> Got:
    """Send one request and read its answer to the end. Whatever goes wrong is part of what is returned."""
    at = time.monotonic()
    writer = None
    try:
        async with asyncio.timeout(within_s):
            reader, writer = await asyncio.open_connection(*address)
            # The system takes connections for the server: what that is slow to accept has been sent all the same.
            at = time.monotonic()
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            began = time.monotonic()
            headers = dict(_header(line) for line in head[1:] if line)
            body = await reader.read()
            if len(body) < int(headers.get("content-length", 0)):
                return Got(0, lost="the answer broke off", at=at)
            return Got(int(head[0].split()[1]), headers, at, began, time.monotonic())
    except TimeoutError:
        return Got(0, lost=f"no answer within {within_s:g} s", at=at)
    except (OSError, asyncio.IncompleteReadError) as error:
        return Got(0, lost=type(error).__name__, at=at)
    finally:
        if writer is not None:
            writer.close()


async def burst(address: tuple[str, int], requests: Sequence[bytes], within_s: float) -> list[Got]:
    """Send them all at once; answers in their order."""
    return await asyncio.gather(*(ask(address, request, within_s) for request in requests))


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
