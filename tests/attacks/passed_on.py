"""What the edge lets through, read strictly: on each connection one request, to a public path, as the edge means it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import h11

from tests.render.support import stack

PUBLIC = [re.compile(re.escape(path).replace(r"\*", ".*") + r"(\?.*)?") for path in stack().edge.paths]
KEPT_BACK = re.compile(rb"(?i)x-litellm-|llm_provider-|expect$|upgrade$")


def faults(connections: Iterable[bytes | bytearray]) -> list[str]:
    """What is wrong with what the edge sent, connection by connection; empty if nothing is."""
    return [fault for sent in connections for fault in _faults(bytes(sent))]


def _faults(sent: bytes) -> Iterator[str]:
    reader = h11.Connection(h11.SERVER)
    reader.receive_data(sent)
    try:
        request = reader.next_event()
        if not isinstance(request, h11.Request):
            return  # The client was gone before the edge had sent a head.
        event: object = request
        while event is not h11.NEED_DATA and not isinstance(event, h11.EndOfMessage):
            event = reader.next_event()
    except h11.RemoteProtocolError as error:
        yield f"not HTTP: {error}: {sent[:200]!r}"
        return
    if reader.trailing_data[0]:
        yield f"more than one request: {reader.trailing_data[0][:200]!r}"
    target = request.target.decode("latin-1")
    if not any(path.fullmatch(target) for path in PUBLIC):
        yield f"not a public path: {target}"
    names = [name.lower() for name, _ in request.headers]
    for name in (b"host", b"x-gateway-client", b"x-forwarded-proto"):
        if names.count(name) != 1:
            yield f"{name.decode()} {names.count(name)} times"
    for name in names:
        if KEPT_BACK.match(name):
            yield f"an inner header: {name.decode()}"
    for name, value in request.headers:
        if name == b"x-gateway-client" and not value.startswith(b"2001:db8::"):
            yield f"a client that Fly's proxy did not name: {value.decode('latin-1')}"
