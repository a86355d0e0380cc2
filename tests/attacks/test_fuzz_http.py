"""Bytes that are nearly HTTP, to the edge and to the gateway itself.

Whatever comes back is HTTP and no failure of ours, and the edge sends on nothing but whole requests to public paths.
"""

from __future__ import annotations

import asyncio

import pytest

from tests.attacks.fuzz import Case, batches, mutated
from tests.attacks.stand import HOST, UI_HOST, Stand, chat, head
from tests.attacks.wire import Heard, responses

CASES, AT_ONCE = 600, 200
QUIET_S, LONGEST_S = 1.2, 20.0
"""How long nothing may come until a connection is left, which is longer than the gateway waits for a body; and how long
it may take at all."""
PIECES = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\x00", b" ", b"\t", b":", b",", b";", b"/", b"//", b"/../", b"%2e%2e/",
    b"%00", b"?", b"#",
    b"0\r\n\r\n", b"5\r\nhello\r\n", b"ffffffffffffffff\r\n", b"-1", b"Transfer-Encoding: chunked\r\n",
    b"Content-Length: 0\r\n",
    b"Content-Length: 300000\r\n", b"Content-Length: 18446744073709551616\r\n", b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Expect: 100-continue\r\n", b"Upgrade: h2c\r\nConnection: Upgrade\r\n", b"Host: x\r\n",
    b"Trailer: Authorization\r\n", b" \r\n x",
    b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", b"/gateway/admin/teams",
    b"POST", b"HEAD",
    b"\xff\xfe", b"\xc3\xa9", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"x" * 9000, b"X: y\r\n" * 300, b"{" * 100,
    b'"', b"Content-Encoding: gzip\r\n",
)  # fmt: skip
FAILURES = {500, 502, 503, 504}


def corpus(stand: Stand) -> list[bytes]:
    """Sound requests."""
    key = stand.key()
    mine = f"Authorization: Bearer {key}"
    operator = f"Authorization: Bearer {stand.gateway.master_key}"
    body = b'{"model": "gpt-none", "input": "hi"}'
    chunked = b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in (body[:9], body[9:])) + b"0\r\nX: y\r\n\r\n"
    return [
        chat(key),
        chat(key) + head("GET", "/v1/models", mine),
        head("POST", "/v1/responses", mine, "Transfer-Encoding: chunked", "Trailer: X") + chunked,
        head("POST", "/v1/embeddings", mine, f"Content-Length: {len(body)}") + body + head("GET", "/health/liveliness"),
        head("GET", "/v1/models/gpt-4o-mini?a=b", mine, "Accept: */*", "Connection: keep-alive, X-Y", "X-Y: z"),
        head("DELETE", "/v1/responses/resp_1", mine),
        head("GET", "/gateway/admin/teams", operator),
        head("POST", "/nothing", f"Content-Length: {len(body)}") + body,
        head("GET", f"http://{HOST}/metrics", operator),
        head("POST", "/api/public/ingestion", f"Content-Length: {len(body)}", host=UI_HOST) + body,
    ]


def payload(case: Case, sound: list[bytes]) -> bytes:
    """One connection's bytes."""
    return mutated(case.random.choice(sound), PIECES, case.random)


async def ask(port: int, raw: bytes, cut: int, *, quiet_s: float = QUIET_S) -> Heard:
    """Send it in two pieces, and read until the other side closes or is quiet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said, heard = bytearray(), Heard()
    try:
        for piece in (raw[:cut], raw[cut:]):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(LONGEST_S):
            while piece := await asyncio.wait_for(reader.read(65536), quiet_s):
                said += piece
        heard.closed = True
    except TimeoutError:
        pass
    except OSError:
        heard.closed = True
    finally:
        writer.close()
    return responses(bytes(said), heard)


def wrong(heard: Heard, where: str, raw: bytes) -> str:
    """What is wrong with what came back; empty if nothing is."""
    if b"HTTP/2" in raw or b"HEAD" in raw:  # Frames, or answers whose bodies stay away, are not read here.
        return ""
    if heard.broken:
        return f"no HTTP came back: {heard.broken}"
    for answer in heard.answers:
        if answer.status in FAILURES:
            return f"a failure of ours: {answer}"
        if where == "edge" and (b'"teams"' in answer.body or b"gateway_requests" in answer.body):
            return f"an operator's route: {answer}"
    return ""


@pytest.mark.parametrize("where", ["edge", "gateway"])
def test_bytes_that_are_nearly_http_are_answered_or_refused(attacked: Stand, where: str) -> None:
    port, sound = attacked.ports[where], corpus(attacked)

    async def together(cases: list[Case]) -> list[tuple[Case, bytes, Heard]]:
        sent = [payload(case, sound) for case in cases]
        heard = await asyncio.gather(
            *(ask(port, raw, case.random.randrange(len(raw) + 1)) for case, raw in zip(cases, sent, strict=True))
        )
        return list(zip(cases, sent, heard, strict=True))

    answered = 0
    for batch in batches(CASES, AT_ONCE):
        for case, raw, heard in asyncio.run(together(batch)):
            answered += len(heard.answers)
            if fault := wrong(heard, where, raw):
                pytest.fail(f"{case.again}: {fault}\nafter {raw!r}")
        attacked.unharmed()
    assert answered, "nothing was ever answered"
