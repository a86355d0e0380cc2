"""The connection to Redis: deadlines, the breaker, and what a full or a restarted server does to it."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import pytest
from llm_gateway.store import CONNECTIONS, Script, Store, StoreFull, StoreUnavailable

from tests.gateway.conftest import Valkey
from tests.gateway.valkey_server import ValkeyServer, free_port

TIMEOUT_S = 0.2


def with_store(url: str, work: Callable[[Store], Awaitable[None]], timeout_s: float = TIMEOUT_S) -> None:
    async def run() -> None:
        store = Store(url, prefix="t:", timeout_s=timeout_s, breaker_open_s=0.2)
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(run())


async def fails(store: Store) -> float:
    """Seconds until a call fails."""
    started = time.perf_counter()
    with pytest.raises(StoreUnavailable):
        await store.call("GET", "x")
    return time.perf_counter() - started


def test_a_script_runs_also_when_the_server_has_forgotten_it(valkey: Valkey) -> None:
    async def work(store: Store) -> None:
        script = Script("return {KEYS[1], ARGV[1]}")
        assert await store.script(script, ["k"], ["a"]) == [b"k", b"a"]
        await store.call("SCRIPT", "FLUSH")
        assert await store.script(script, ["k"], [7]) == [b"k", b"7"]

    with_store(valkey.url, work)


def test_a_burst_opens_no_more_connections_than_the_bound(valkey: Valkey) -> None:
    async def work(store: Store) -> None:
        assert await store.start()
        await asyncio.gather(*(store.call("INCR", "burst") for _ in range(500)))
        assert await store.call("GET", "burst") == b"500"
        clients = await store.call("CLIENT", "LIST")
        assert clients.count(b"cmd=incr") + clients.count(b"cmd=client") <= CONNECTIONS

    with_store(valkey.url, work, timeout_s=10)


def test_nothing_listening_fails_at_once_and_then_without_trying() -> None:
    async def work(store: Store) -> None:
        assert not await store.start()
        assert not store.available
        # A call that tried would wait; the median, since a busy machine may delay one.
        assert statistics.median([await fails(store) for _ in range(100)]) < TIMEOUT_S / 10
        assert store.down_since is not None

    with_store(f"redis://:secret@127.0.0.1:{free_port()}/0", work)


def test_a_frozen_server_costs_one_deadline_for_all_who_wait(own_valkey: ValkeyServer) -> None:
    async def work(store: Store) -> None:
        assert await store.start()
        own_valkey.freeze()
        waits = await asyncio.gather(*(fails(store) for _ in range(50)))
        assert max(waits) < 10 * TIMEOUT_S, "one after the other they would wait 50 deadlines"
        assert statistics.median([await fails(store) for _ in range(9)]) < TIMEOUT_S / 10
        own_valkey.resume()
        async with asyncio.timeout(5):
            await store.wait_available()
        assert await store.call("PING") in (b"PONG", True)

    with_store(own_valkey.url, work)


def test_a_restarted_server_is_found_again_in_the_background(own_valkey: ValkeyServer) -> None:
    async def work(store: Store) -> None:
        assert await store.start()
        own_valkey.stop(kill=True)
        await fails(store)
        own_valkey.start()
        async with asyncio.timeout(5):
            await store.wait_available()
        await store.call("SET", "x", "1")
        assert store.down_since is None

    with_store(own_valkey.url, work)


def test_a_full_server_refuses_writes_and_still_answers_reads(own_valkey: ValkeyServer) -> None:
    async def work(store: Store) -> None:
        await store.call("SET", "x", "1")
        own_valkey.fill()
        with pytest.raises(StoreFull):
            await store.call("SET", "y", "1")
        assert store.available
        assert await store.call("GET", "x") == b"1"
        own_valkey.unfill()
        await store.call("SET", "y", "1")

    with_store(own_valkey.url, work)


def test_a_wrong_command_is_the_callers_failure_and_not_the_servers(valkey: Valkey) -> None:
    async def work(store: Store) -> None:
        with pytest.raises(StoreUnavailable, match="unknown command"):
            await store.call("NOSUCH")
        assert store.available

    with_store(valkey.url, work)


def test_an_answer_that_came_while_the_loop_was_busy_is_not_late(valkey: Valkey) -> None:
    async def work(store: Store) -> None:
        assert await store.start()
        for _ in range(5):
            asking = asyncio.create_task(store.call("PING"))
            for _ in range(6):
                await asyncio.sleep(0)
            time.sleep(1.5 * TIMEOUT_S)  # as a long computation in the same process would
            await asking
        assert store.available

    with_store(valkey.url, work)


def test_the_password_appears_in_no_error_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    secret = "correct-horse-battery"
    seen: list[str] = []

    async def work(store: Store) -> None:
        with pytest.raises(StoreUnavailable) as caught:
            await store.call("PING")
        seen.append(repr(caught.value))

    with_store(f"redis://:{secret}@127.0.0.1:{free_port()}/0", work)
    assert seen
    assert secret not in seen[0] + caplog.text
