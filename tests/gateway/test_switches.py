"""Kill switches in a real Redis: known to all, kept while Redis is away, kept over its loss of data."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from llm_gateway.store import Store, StoreUnavailable
from llm_gateway.switches import Switches, cache_switch, team_switch

from tests.gateway.conftest import Valkey
from tests.gateway.valkey_server import ValkeyServer

FROZEN = team_switch("sales")


def with_two(url: str, prefix: str, work: Callable[[Switches, Switches, Store], Awaitable[None]]) -> None:
    """Two gateways' switches on one Redis."""

    async def run() -> None:
        stores = [Store(url, prefix=prefix, timeout_s=0.5, breaker_open_s=0.1) for _ in range(2)]
        try:
            await work(*(Switches(store, clock=lambda: 1_000.0) for store in stores), stores[0])  # type: ignore[call-arg]
        finally:
            for store in stores:
                await store.close()

    asyncio.run(run())


def test_what_one_gateway_is_told_every_other_knows_at_its_next_look(valkey: Valkey) -> None:
    async def work(one: Switches, other: Switches, store: Store) -> None:
        assert not one.known
        await other.read()
        assert other.known
        assert await one.change([FROZEN, cache_switch("semantic")], thrown=True, why="leaked")
        assert not await one.change([FROZEN], thrown=True), "frozen already"
        assert other.frozen("sales") is None
        await other.read()
        frozen = other.frozen("sales")
        assert frozen is not None
        assert (frozen.since, frozen.why) == (1000, "leaked")
        assert other.cache_on("exact")
        assert not other.cache_on("semantic")
        assert other.frozen("support") is None
        assert await other.change([FROZEN], thrown=False)
        await one.read()
        assert one.frozen("sales") is None
        assert not one.cache_on("semantic")

    with_two(valkey.url, valkey.prefix, work)


def test_changes_of_two_gateways_at_once_are_both_made(valkey: Valkey) -> None:
    async def work(one: Switches, other: Switches, store: Store) -> None:
        names = [team_switch(f"team{number}") for number in range(6)]
        await asyncio.gather(
            *(each.change([name], thrown=True) for each, name in zip((one, other) * 3, names, strict=True))
        )
        await one.read()
        await other.read()
        assert sorted(one.thrown) == sorted(other.thrown) == names

    with_two(valkey.url, valkey.prefix, work)


def test_while_redis_is_away_and_when_it_has_lost_its_data_a_frozen_team_stays_frozen(own_valkey: ValkeyServer) -> None:
    async def work(one: Switches, other: Switches, store: Store) -> None:
        await one.change([FROZEN], thrown=True)
        await one.change([cache_switch("exact")], thrown=True)
        await one.change([cache_switch("exact")], thrown=False)
        own_valkey.stop()
        with pytest.raises(StoreUnavailable):
            await one.read()
        with pytest.raises(StoreUnavailable):
            await one.change([FROZEN], thrown=False)
        assert one.frozen("sales")
        own_valkey.start()
        await store.wait_available()
        await other.read()
        assert not other.frozen("sales"), "nobody has told Redis yet"
        await one.read()
        await other.read()
        assert other.frozen("sales")
        assert other.cache_on("exact"), "taken back is taken back"

    with_two(own_valkey.url, "t:", work)


def test_what_no_gateway_wrote_changes_nothing(valkey: Valkey) -> None:
    async def work(one: Switches, other: Switches, store: Store) -> None:
        await one.change([FROZEN], thrown=True)
        await store.call("SET", f"{valkey.prefix}switches", '{"revision": 99}')
        looking = asyncio.create_task(one.run())
        await asyncio.sleep(0.05)
        assert not looking.done()
        looking.cancel()
        assert one.frozen("sales")

    with_two(valkey.url, valkey.prefix, work)
