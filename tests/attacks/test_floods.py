"""More than anybody needs: of headers, of connections that say little, of requests on one connection."""

from __future__ import annotations

import contextlib
import re
import socket
from pathlib import Path

import pytest

from tests.attacks.stand import Stand, chat, head
from tests.attacks.wire import exchange, listen
from tests.integration.gateway.harness import PACKAGE

IDLE = 200
FLOODS = {
    "one endless header": ("X: " + "a" * 100_000,),
    "an endless name": ("a" * 100_000 + ": x",),
    "thousands of headers": tuple(f"X-{number}: y" for number in range(5000)),
    "one header thousands of times": ("X: y" + "y" * 20,) * 5000,
    "an endless key": ("Authorization: Bearer " + "a" * 100_000,),
    "thousands of cookies": ("Cookie: " + "; ".join(f"a{number}=b" for number in range(10_000)),),
    "an endless list": ("Accept: " + "a/b," * 20_000,),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_of_headers_is_refused_by_the_edge(attacked: Stand, name: str) -> None:
    heard = exchange(attacked.edge_port, head("GET", "/v1/models", *FLOODS[name]))
    assert heard.statuses == [431]
    assert heard.closed


def test_an_endless_path_is_refused_by_the_edge(attacked: Stand) -> None:
    for path in ("/" + "a" * 100_000, "/v1/models?" + "a=b&" * 20_000):
        assert exchange(attacked.edge_port, head("GET", path)).statuses == [431]


@pytest.mark.parametrize("name", FLOODS)
def test_as_many_headers_as_the_edge_takes_the_gateway_takes_too(attacked: Stand, name: str) -> None:
    """Straight at the gateway, which must not choke on what it is sent."""
    heard = exchange(attacked.gateway.port, head("GET", "/v1/models", *FLOODS[name], "Connection: close"))
    assert heard.statuses == [401]


@pytest.mark.parametrize("begun", [b"", b"G", b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX: ", b"\x16\x03\x01\x02"])
def test_connections_that_say_little_keep_nobody_else_out(attacked: Stand, begun: bytes) -> None:
    """They are closed after 10 s, which is not waited for here."""
    with contextlib.ExitStack() as open_ones:
        for port in attacked.ports.values():
            for _ in range(IDLE):
                connection = open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
                connection.sendall(begun)
        assert attacked.healthy()
    assert re.search(r"read_header 10s", (PACKAGE / "config" / "Caddyfile").read_text())


def test_hundreds_of_requests_at_once_on_one_connection_are_answered_in_turn(attacked: Stand) -> None:
    many = chat(attacked.key(), word="pipelined") * 300 + head("GET", "/health/liveliness", "Connection: close")
    for port in attacked.ports.values():
        heard = exchange(port, many, timeout_s=120)
        assert heard.statuses == [200] * 301
        assert heard.answers[-1].json() == {"status": "alive"}


def test_answers_that_nobody_reads_keep_nobody_else_out(attacked: Stand) -> None:
    with contextlib.ExitStack() as open_ones:
        for port in attacked.ports.values():
            for _ in range(20):
                connection = open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=20))
                connection.settimeout(0.05)
                with contextlib.suppress(OSError):
                    connection.sendall(chat(attacked.key(), word="unread" * 500) * 100)
        assert attacked.healthy()
        assert listen(connection, until=1).statuses[:1] == [200]


def test_the_logs_tell_no_key_and_grow_no_faster_than_what_is_sent(attacked: Stand) -> None:
    before = (attacked.edge_log.stat().st_size, attacked.gateway.log_path.stat().st_size)
    for number in range(100):
        exchange(attacked.edge_port, head("GET", f"/{number}?key={attacked.key()}", "Connection: close"))
        exchange(attacked.gateway.port, f"nonsense {number} {attacked.key()}\r\n\r\n".encode())
    for path, size in zip((attacked.edge_log, attacked.gateway.log_path), before, strict=True):
        assert attacked.key() not in Path(path).read_text(errors="replace")
        assert path.stat().st_size - size < 100 * 2000
