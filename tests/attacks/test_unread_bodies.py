"""Answers that come before the request's body is there: what is left of it must not be taken for the next request.

Fly's proxy sends the requests of many clients on one connection. Had the edge read a request in somebody's body, its
answer would go to whoever asked next, or worse: the next one's request, key included, would be read as its body.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.attacks.stand import HOST, UI_HOST, Stand, head
from tests.attacks.wire import Heard, exchange, listen

HIDDEN, NEXT = head("GET", "/health/readiness"), head("GET", "/health/liveliness", "Connection: close")
READY, ALIVE = b'{"status":"ready"}', b'{"status":"alive"}'
"""What they would be answered."""
KEY, WRONG = "Authorization: Bearer {key}", "Authorization: Bearer sk-wrong"
MUCH = 300_000
"""More than what Go's server reads of a body that nobody wanted, before it gives up."""
EARLY: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    "not offered": ("POST", "/nothing", HOST, ()),
    "not offered, in a GET": ("GET", "/nothing", HOST, ()),
    "no such host": ("POST", "/v1/chat/completions", "other.example", ()),
    "Fly's check": ("POST", "/edge/health", "172.19.0.1", ()),
    "no key": ("POST", "/v1/chat/completions", HOST, ()),
    "wrong key": ("POST", "/v1/responses", HOST, (WRONG,)),
    "not this method": ("PUT", "/v1/chat/completions", HOST, (KEY,)),
    "compressed": ("POST", "/v1/chat/completions", HOST, (KEY, "Content-Encoding: gzip")),
    "never awaited": ("GET", "/v1/models", HOST, (KEY,)),
    "health with a body": ("GET", "/health/liveliness", HOST, ()),
    "not what is expected": ("POST", "/v1/chat/completions", HOST, (KEY, "Expect: the unexpected")),
    "an upgrade": ("POST", "/v1/chat/completions", HOST, (KEY, "Upgrade: h2c", "Connection: Upgrade")),
    "too slow": ("POST", "/v1/chat/completions", HOST, (KEY,)),
    "Langfuse, at once": ("POST", "/early", UI_HOST, ()),
    "Langfuse, in a GET": ("GET", "/early", UI_HOST, ()),
}

STATUSES = {200, 400, 401, 404, 405, 408, 413, 415, 417, 421}


def begun(stand: Stand, name: str, length: str) -> bytes:
    method, path, host, headers = EARLY[name]
    return head(method, path, *(header.format(key=stand.key()) for header in headers), length, host=host)


def at_once(ask: Callable[[str], Heard]) -> dict[str, Heard]:
    """All of them side by side, since some are answered only when a time limit is over."""
    with ThreadPoolExecutor(len(EARLY)) as threads:
        return dict(zip(EARLY, threads.map(ask, EARLY), strict=True))


def goes_on(stand: Stand, name: str, length: str, *pieces: bytes) -> Heard:
    """Timed by who sends it: the first piece, so that somebody waits for more; then the answer; then the rest."""
    first, *rest = pieces
    with socket.create_connection(("127.0.0.1", stand.edge_port)) as connection:
        connection.sendall(begun(stand, name, length) + first)
        heard = listen(connection, until=1)
        for piece in rest:
            with contextlib.suppress(OSError):
                connection.sendall(piece)
        if not heard.closed:
            later = listen(connection)
            heard = Heard([*heard.answers, *later.answers], later.closed, heard.broken or later.broken)
    return heard


def faults(heard: Mapping[str, Heard], *, most: int) -> dict[str, object]:
    """Whatever was answered otherwise than once, or with what was hidden in it, or did not end."""
    wrong: dict[str, object] = {}
    for name, it in heard.items():
        first, *more = [answer.body for answer in it.answers] or [READY]
        fine = it.closed and not it.broken and STATUSES.issuperset(it.statuses[:1])
        if not fine or READY in (first, *more) or len(more) >= most or more not in ([], [ALIVE]):
            wrong[name] = it
    return wrong


def test_a_body_that_has_begun_is_not_the_next_request(attacked: Stand) -> None:
    heard = at_once(
        lambda name: exchange(attacked.edge_port, begun(attacked, name, f"Content-Length: {MUCH}") + HIDDEN + NEXT)
    )
    assert faults(heard, most=1) == {}


def test_a_body_that_nobody_wanted_is_not_the_next_request(attacked: Stand) -> None:
    heard = at_once(
        lambda name: exchange(
            attacked.edge_port, begun(attacked, name, f"Content-Length: {len(HIDDEN)}") + HIDDEN + NEXT
        )
    )
    assert faults(heard, most=2) == {}


def test_a_body_that_goes_on_after_the_answer_is_not_the_next_request(attacked: Stand) -> None:
    heard = at_once(lambda name: goes_on(attacked, name, f"Content-Length: {MUCH}", b"x", b"x", HIDDEN + NEXT))
    assert faults(heard, most=1) == {}


def test_a_short_body_that_goes_on_after_the_answer_is_not_the_next_request(attacked: Stand) -> None:
    length = f"Content-Length: {2 + len(HIDDEN)}"
    heard = at_once(lambda name: goes_on(attacked, name, length, b"x", b"x", HIDDEN + NEXT))
    assert faults(heard, most=2) == {}


def test_chunks_that_go_on_after_the_answer_are_not_the_next_request(attacked: Stand) -> None:
    heard = at_once(
        lambda name: goes_on(
            attacked, name, "Transfer-Encoding: chunked", b"1\r\nx\r\n", b"no chunk\r\n", HIDDEN + NEXT
        )
    )
    assert faults(heard, most=1) == {}


def test_a_body_that_was_read_leaves_the_connection_to_the_next_request(attacked: Stand) -> None:
    """Else each request would cost a connection of its own."""
    body = b'{"model": "gpt-none", "messages": []}'
    whole = head("POST", "/v1/chat/completions", KEY.format(key=attacked.key()), f"Content-Length: {len(body)}") + body
    refused = head("POST", "/v1/chat/completions", WRONG, f"Content-Length: {len(body)}") + body
    heard = exchange(attacked.edge_port, whole + refused + whole + NEXT)
    assert heard.statuses == [404, 401, 404, 200]
