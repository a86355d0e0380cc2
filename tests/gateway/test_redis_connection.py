"""One connection to Redis: URLs, logging in, answers in order, and what becomes of commands nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from llm_gateway.redis_connection import Address, Connection, Lost, Refused, connect

from tests.gateway.conftest import Valkey
from tests.gateway.valkey_server import ValkeyServer, free_port

TIMEOUT_S = 2.0


def with_connection(url: str, work: Callable[[Connection], Awaitable[None]], timeout_s: float = TIMEOUT_S) -> None:
    async def run() -> None:
        connection = await connect(Address.parse(url), timeout_s)
        try:
            await work(connection)
        finally:
            connection.close()
            await connection.ended

    asyncio.run(run())


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://h", Address("h", 6379)),
        ("redis://:p%40ss%2F@h:1/3", Address("h", 1, "", "p@ss/", 3)),
        ("rediss://us%3Aer:p@[fdaa::3]:6380/", Address("fdaa::3", 6380, "us:er", "p", 0, True)),
    ],
)
def test_a_url_is_read(url: str, address: Address) -> None:
    assert Address.parse(url) == address


@pytest.mark.parametrize(
    "url", ["http://h", "redis://", "redis://:s3cret@h/x", "redis://:s3cret@h:port", "redis://[::1"]
)
def test_what_is_no_url_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ValueError, match="not of the form") as caught:
        Address.parse(url)
    assert "s3cret" not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_password_is_not_in_the_repr() -> None:
    assert "s3cret" not in repr(Address.parse("redis://:s3cret@h"))


def test_answers_come_in_order_whatever_their_kind(valkey: Valkey) -> None:
    async def work(connection: Connection) -> None:
        asked = [
            connection.ask("SET", "k", b"\x00\xff"),
            connection.ask("GET", "k"),
            connection.ask("NOSUCH"),
            connection.ask("GET", "absent"),
            connection.ask("RPUSH", "l", 1, 2.5, "é"),
            connection.ask("LRANGE", "l", 0, -1),
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(answers[2], Refused)
        assert "unknown command" in str(answers[2])
        rest = answers[:2] + answers[3:]
        assert rest == [b"OK", b"\x00\xff", None, 3, [b"1", b"2.5", "é".encode()]]
        assert connection.waiting == 0

    with_connection(valkey.url, work)


def test_a_caller_that_leaves_does_not_shift_the_answers_of_others(valkey: Valkey) -> None:
    async def work(connection: Connection) -> None:
        left = connection.ask("ECHO", "left")
        stayed = connection.ask("ECHO", "stayed")
        left.cancel()
        assert await stayed == b"stayed"

    with_connection(valkey.url, work)


def test_a_large_answer_in_many_pieces_is_whole(valkey: Valkey) -> None:
    async def work(connection: Connection) -> None:
        value = bytes(range(256)) * 40_000
        await connection.ask("SET", "large", value)
        assert await connection.ask("GET", "large") == value

    with_connection(valkey.url, work, timeout_s=10)


def test_the_database_of_the_url_is_the_one_that_is_used(own_valkey: ValkeyServer) -> None:
    base = own_valkey.url.rpartition("/")[0]

    async def write(connection: Connection) -> None:
        await connection.ask("SET", "k", "seven")

    async def absent(connection: Connection) -> None:
        assert await connection.ask("GET", "k") is None

    with_connection(f"{base}/7", write)
    with_connection(f"{base}/0", absent)


def test_a_wrong_password_is_refused_by_name(own_valkey: ValkeyServer) -> None:
    own_valkey.client().config_set("requirepass", "right-password")
    address = f"redis://:{{}}@{own_valkey.url.rpartition('@')[2].removeprefix('redis://')}"

    async def work(connection: Connection) -> None:
        assert await connection.ask("PING") in (b"PONG", "PONG")

    with_connection(address.format("right-password"), work)
    with pytest.raises(Refused, match="WRONGPASS"):
        with_connection(address.format("wrong"), work)


def test_nobody_there_is_an_oserror() -> None:
    async def work(connection: Connection) -> None:
        raise AssertionError("connected")

    with pytest.raises(OSError):
        with_connection(f"redis://127.0.0.1:{free_port()}/0", work)


def test_a_silent_server_loses_all_that_wait_and_the_connection(own_valkey: ValkeyServer) -> None:
    async def work(connection: Connection) -> None:
        own_valkey.freeze()
        try:
            asked = [connection.ask("PING") for _ in range(3)]
            for each in asked:
                with pytest.raises(Lost, match=r"no answer within 0\.2 s"):
                    await each
            assert not connection.usable
            with pytest.raises(Lost):
                await connection.ask("PING")
        finally:
            own_valkey.resume()

    with_connection(own_valkey.url, work, timeout_s=0.2)


def test_a_server_that_is_none_is_lost_with_a_reason() -> None:
    async def run() -> None:
        async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()

        server = await asyncio.start_server(nonsense, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            connection = await connect(Address("127.0.0.1", port), TIMEOUT_S)
            with pytest.raises(Lost, match="no answer of Redis"):
                await connection.ask("PING")
            await connection.ended

    asyncio.run(run())


def test_messages_of_a_subscription_are_pushed(valkey: Valkey) -> None:
    async def run() -> None:
        heard: asyncio.Queue[list[bytes]] = asyncio.Queue()
        subscriber = await connect(Address.parse(valkey.url), TIMEOUT_S, pushed=heard.put_nowait)
        speaker = await connect(Address.parse(valkey.url), TIMEOUT_S)
        subscriber.send("SUBSCRIBE", "a", "b")
        async with asyncio.timeout(5):
            assert [(await heard.get())[1] for _ in range(2)] == [b"a", b"b"]
            await speaker.ask("PUBLISH", "b", "hello")
            assert await heard.get() == [b"message", b"b", b"hello"]
        for connection in (subscriber, speaker):
            connection.close()
            await connection.ended

    asyncio.run(run())
