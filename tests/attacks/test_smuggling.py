"""Requests whose length can be read in two ways, with a second request inside.

The second one asks an operator's route with the operator's own key: had it been taken for a request anywhere, its
answer would be there. What a client gets is refusals, and each connection behind the edge carries one request.
"""

from __future__ import annotations

import pytest

from tests.attacks.stand import Stand, head
from tests.attacks.wire import Heard, exchange

LAST = head("GET", "/health/liveliness", "Connection: close")
"""Sent behind each attack, so that a connection that is still good ends."""
TWO_LENGTHS = {
    "length and chunks": ("Content-Length: 6", "Transfer-Encoding: chunked"),
    "chunks and length": ("Transfer-Encoding: chunked", "Content-Length: 6"),
    "chunks in upper case": ("Transfer-Encoding: CHUNKED", "Content-Length: 5"),
    "tab before chunked": ("Transfer-Encoding: \tchunked", "Content-Length: 5"),
    "space behind chunked": ("Transfer-Encoding: chunked ", "Content-Length: 5"),
    "space before the colon": ("Transfer-Encoding : chunked", "Content-Length: 5"),
    "space before the name": (" Transfer-Encoding: chunked", "Content-Length: 5"),
    "folded": ("Transfer-Encoding:\r\n chunked", "Content-Length: 5"),
    "folded behind another": ("X: y\r\n Transfer-Encoding: chunked", "Content-Length: 5"),
    "another coding": ("Transfer-Encoding: xchunked", "Content-Length: 5"),
    "chunked twice": ("Transfer-Encoding: chunked, chunked",),
    "chunked, then another": ("Transfer-Encoding: chunked", "Transfer-Encoding: x"),
    "another, then chunked": ("Transfer-Encoding: x", "Transfer-Encoding: chunked"),
    "chunked, identity": ("Transfer-Encoding: chunked, identity",),
    "quoted": ('Transfer-Encoding: "chunked"', "Content-Length: 5"),
    "nul behind chunked": ("Transfer-Encoding: chunked\x00", "Content-Length: 5"),
    "vertical tab": ("Transfer-Encoding: \x0bchunked", "Content-Length: 5"),
    "a name ended by a line feed": ("X: y\nTransfer-Encoding: chunked", "Content-Length: 5"),
    "a name ended by a carriage return": ("X: y\rTransfer-Encoding: chunked", "Content-Length: 5"),
    "in the name of another": ("X\x00Transfer-Encoding: chunked", "Content-Length: 5"),
    "underscore": ("Transfer_Encoding: chunked", "Content-Length: 5"),
    "named by Connection": ("Connection: Transfer-Encoding", "Transfer-Encoding: chunked"),
    "length named by Connection": ("Connection: Content-Length", "Content-Length: 5"),
    "two lengths": ("Content-Length: 5", "Content-Length: 6"),
    "two lengths in one": ("Content-Length: 5, 6",),
    "one length twice": ("Content-Length: 5, 5",),
    "plus": ("Content-Length: +5",),
    "minus": ("Content-Length: -5",),
    "hexadecimal": ("Content-Length: 0x5",),
    "two numbers": ("Content-Length: 5 5",),
    "a decimal": ("Content-Length: 5.0",),
    "nul behind the length": ("Content-Length: 5\x00",),
    "empty length": ("Content-Length:",),
    "larger than any number": (f"Content-Length: {2**64 + 5}",),
    "no length": (),
    "leading zeros": ("Content-Length: 0000005",),
}
CHUNKS = {
    "no number": b"zz\r\nhello\r\n0\r\n\r\n",
    "negative": b"-1\r\nhello\r\n0\r\n\r\n",
    "plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "empty": b"\r\n5\r\nhello\r\n0\r\n\r\n",
    "larger than any number": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "line feeds": b"5\nhello\n0\n\n",
    "longer than it says": b"3\r\nhello\r\n0\r\n\r\n",
    "shorter than it says": b"7\r\nhello\r\n0\r\n\r\n",
    "no end of line behind": b"5\r\nhelloXX0\r\n\r\n",
    "nul in the number": b"5\x00\r\nhello\r\n0\r\n\r\n",
    "nameless trailer": b"5\r\nhello\r\n0\r\n: x\r\n\r\n",
    "trailer without a colon": b"5\r\nhello\r\n0\r\nno trailer\r\n\r\n",
    "space before the trailer": b"5\r\nhello\r\n0\r\n X: y\r\n\r\n",
    "nul in the trailer": b"5\r\nhello\r\n0\r\nX: \x00\r\n\r\n",
}
"""No chunks, whoever reads them."""
ODD_CHUNKS = {
    "extension": b"5;a=b\r\nhello\r\n0\r\n\r\n",
    "extension with a line feed": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "endless extension": b"5;" + b"x" * 40_000 + b"\r\nhello\r\n0\r\n\r\n",
    "an extension for each byte": b"1;xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\nx\r\n" * 10_000 + b"0\r\n\r\n",
    "space behind the number": b"5 \r\nhello\r\n0\r\n\r\n",
    "leading zeros": b"0" * 30 + b"5\r\nhello\r\n0\r\n\r\n",
    "trailers": b"5\r\nhello\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nHost: y\r\n\r\n",
    "one endless trailer": b"5\r\nhello\r\n0\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    "endless trailers": b"5\r\nhello\r\n0\r\n" + b"".join(b"X%d: y\r\n" % number for number in range(5000)) + b"\r\n",
}
"""Allowed, but more than anybody needs, or taken by some."""


def begun(stand: Stand, *headers: str) -> bytes:
    mine = (f"Authorization: Bearer {stand.key()}", "Content-Type: application/json")
    return head("POST", "/v1/chat/completions", *headers, *mine)


def second(stand: Stand) -> bytes:
    """The request inside."""
    return head("GET", "/gateway/admin/teams", f"Authorization: Bearer {stand.gateway.master_key}")


def refused(heard: Heard) -> None:
    """Nothing but refusals, and what was asked last; then it ends."""
    assert not heard.broken
    assert heard.closed
    assert heard.answers
    asked, last = heard.answers, heard.answers[-1]
    if (last.status, last.body) == (200, b'{"status":"alive"}'):
        asked = asked[:-1]
    for answer in asked:
        assert 400 <= answer.status < 500 or answer.status in (501, 505), answer
        assert b'"teams"' not in answer.body


@pytest.mark.parametrize("name", TWO_LENGTHS)
def test_a_request_of_two_lengths_is_one_request_to_the_gateway_or_none(attacked: Stand, name: str) -> None:
    refused(exchange(attacked.edge_port, begun(attacked, *TWO_LENGTHS[name]) + b"0\r\n\r\n" + second(attacked) + LAST))


@pytest.mark.parametrize("name", [*CHUNKS, *ODD_CHUNKS])
def test_chunks_that_are_none_are_the_clients_mistake(attacked: Stand, name: str) -> None:
    """400 from the edge too: a 502 would say that the gateway is not there, and SDKs would send it again."""
    body = (CHUNKS | ODD_CHUNKS)[name]
    heard = exchange(attacked.edge_port, begun(attacked, "Transfer-Encoding: chunked") + body + LAST)
    refused(heard)
    first = heard.answers[0]
    assert first.status == 400
    assert first.json()["error"]["type"] == "invalid_request_error"
    assert first.headers["x-request-id"].startswith("req_")
    assert "retry-after" not in first.headers
    if name in CHUNKS:
        assert len(heard.answers) == 1


@pytest.mark.parametrize("name", CHUNKS)
def test_the_gateway_itself_reads_no_chunks_that_are_none(attacked: Stand, name: str) -> None:
    heard = exchange(attacked.gateway.port, begun(attacked, "Transfer-Encoding: chunked") + CHUNKS[name] + LAST)
    refused(heard)
    assert heard.statuses == [400]
    assert heard.answers[0].json()["error"]["type"] == "invalid_request_error"
