"""What the edge lets through, read strictly: on each connection one request, to a public path, as the edge means it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

import h11

from tests.render.support import stack

PUBLIC = [re.compile(re.escape(path).replace(r"\*", ".*") + r"(\?.*)?", re.DOTALL) for path in stack().edge.paths]
CLAIMED = "6.6.6.6"
"""Who some requests say they come from."""
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
    # As the edge compares paths. The gateway, which gets them as they were sent, is more exact.
    target = re.sub("/{2,}", "/", unquote(request.target.decode("latin-1"))).lower()
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
        if name == b"x-gateway-client" and (value.decode("latin-1") == CLAIMED or not _address(value)):
            yield f"a client who is who he likes: {value.decode('latin-1')}"


def _address(value: bytes) -> bool:
    try:
        ipaddress.ip_address(value.decode("latin-1"))
    except ValueError:
        return False
    return True
