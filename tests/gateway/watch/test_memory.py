"""Which watch works, and what it knows: a lease and a document in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from llm_gateway.store import Store
from llm_gateway.watch.memory import Memory
from llm_gateway.watch.watcher import start

from tests.gateway.conftest import Valkey
from tests.gateway.valkey_server import ValkeyServer

LEASE_S = 100.0


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def with_memories(url: str, prefix: str, work: Callable[[Memory, Memory, Clock, Store], Awaitable[None]]) -> None:
    """Two watches on one Redis, and the clock of both."""

    async def run() -> None:
        store, clock = Store(url, prefix=prefix, timeout_s=0.5, breaker_open_s=0.1), Clock()
        try:
            made = [Memory(store, start(), lease_s=LEASE_S, clock=clock) for _ in range(2)]
            await work(made[0], made[1], clock, store)
        finally:
            await store.close()

    asyncio.run(run())


async def works(memory: Memory, clock: Clock) -> None:
    """Nobody had the lease: it waits for one before it takes it."""
    assert not await memory.claim()
    clock.now += LEASE_S
    assert await memory.claim()


def test_one_works_at_a_time_and_one_that_stops_hands_over_at_once(valkey: Valkey) -> None:
    async def work(one: Memory, other: Memory, clock: Clock, store: Store) -> None:
        await works(one, clock)
        assert await one.keep({**one.state, "number": 7})
        clock.now += LEASE_S
        assert not await other.claim(), "the lease is held"
        await one.release()
        assert await other.claim()
        assert other.state["number"] == 7
        assert not await one.keep({**one.state, "number": 8}), "it has been taken over meanwhile"
        assert await other.claim()
        assert other.state["number"] == 7

    with_memories(valkey.url, valkey.prefix, work)


def test_what_an_earlier_version_kept_is_taken_over_with_what_it_lacks(valkey: Valkey) -> None:
    async def work(one: Memory, other: Memory, clock: Clock, store: Store) -> None:
        await store.call("SET", f"{valkey.prefix}{{watch}}:state", '{"revision": 3, "state": {"alerts": {"a": {}}}}')
        await works(one, clock)
        assert one.state == {**start(), "alerts": {"a": {}}}

    with_memories(valkey.url, valkey.prefix, work)


def test_while_redis_is_away_the_one_that_worked_goes_on_and_tells_it_afterwards(own_valkey: ValkeyServer) -> None:
    async def work(one: Memory, other: Memory, clock: Clock, store: Store) -> None:
        await works(one, clock)
        assert not await other.claim()
        own_valkey.stop()
        assert await one.claim()
        assert await one.keep({**one.state, "number": 1})
        assert not await other.claim()
        clock.now += 10 * LEASE_S
        assert not await other.claim(), "it was told that another one works"
        assert await one.claim()
        own_valkey.start()
        await store.wait_available()
        # Redis has lost the lease and the document; the other one is patient.
        assert not await other.claim()
        assert await one.claim()
        assert await one.keep({**one.state, "number": 2})
        await one.release()
        assert await other.claim()
        assert other.state["number"] == 2

    with_memories(own_valkey.url, "t:", work)


def test_one_that_began_while_redis_was_away_works_after_a_lease_and_adds_what_it_did() -> None:
    async def work(one: Memory, other: Memory, clock: Clock, store: Store) -> None:
        mail: dict[str, Any] = {"id": "old", "subject": "", "at": 0}
        await works(one, clock)
        await one.keep({**one.state, "alerts": {"disk/a": {"since": 1}}, "outbox": [mail]})
        await one.release()
        keeping.stop()
        assert not await other.claim()
        clock.now += LEASE_S
        assert await other.claim(), "nobody else can be asked"
        for _ in range(5):
            await other.keep(other.state)
        await other.keep({**other.state, "alerts": {"unseen/redis": {"since": 2}}, "sent": [{**mail, "id": "new"}]})
        keeping.start()
        await store.wait_available()
        assert await other.claim()
        assert other.state["alerts"].keys() == {"disk/a", "unseen/redis"}
        assert [each["id"] for each in other.state["outbox"]] == ["old"]
        assert [each["id"] for each in other.state["sent"]] == ["new"]

    with ValkeyServer(appendonly=True) as keeping:
        with_memories(keeping.url, "t:", work)
