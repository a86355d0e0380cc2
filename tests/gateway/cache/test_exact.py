"""The exact tier and the byte budget on a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from llm_gateway.cache.entry_store import OVERHEAD_BYTES, EntryStore
from llm_gateway.cache.exact import ExactCache
from llm_gateway.cache.keys import CacheKey
from llm_gateway.cache.purge import purge_entry, purge_team
from llm_gateway.store import Store

from tests.gateway.conftest import Valkey
from tests.gateway.valkey_server import ValkeyServer

TTL_S = {"exact": 100, "semantic": 200, "verdict": 200}


def answer(text: str = "30 days.") -> bytes:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": "1", "object": "chat.completion", "choices": [choice]}, ensure_ascii=False).encode()


def with_entry_store(
    valkey: Valkey, check: Callable[[Store, EntryStore], Awaitable[None]], *, budget: int = 1_000_000, ttl_s: Any = None
) -> None:
    async def main() -> None:
        store = Store(valkey.url, prefix=valkey.prefix, timeout_s=2)
        try:
            ttl = ttl_s or TTL_S
            await check(store, EntryStore(store, prefix=valkey.prefix, bytes_per_team=budget, ttl_s=ttl))
        finally:
            await store.close()

    asyncio.run(main())


def test_an_answer_is_found_again_by_its_team_alone(valkey: Valkey) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        cache = ExactCache(entry_store)
        assert await cache.get(CacheKey("a", "k")) is None
        assert await cache.put(CacheKey("a", "k"), answer("Straße, ✓ and \n a new line"))
        hit = await cache.get(CacheKey("a", "k"))
        assert hit is not None
        assert hit.tier == "exact"
        assert hit.body == answer("Straße, ✓ and \n a new line")
        assert hit.response == json.loads(hit.body)
        assert await cache.get(CacheKey("b", "k")) is None

    with_entry_store(valkey, check)


def test_an_entry_lives_as_long_as_its_tier_or_shorter_if_the_client_says_so(valkey: Valkey) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        cache = ExactCache(entry_store)
        for digest, asked in (("long", 1000), ("short", 7), ("plain", None)):
            await cache.put(CacheKey("a", digest), answer(), ttl_s=asked)
        lives = [
            await store.call("TTL", entry_store.names("a").entries("exact") + name)
            for name in ("long", "short", "plain")
        ]
        assert 98 <= lives[0] <= 100
        assert 5 <= lives[1] <= 7
        assert 98 <= lives[2] <= 100

    with_entry_store(valkey, check)


async def now_ms(store: Store) -> int:
    seconds, micros = await store.call("TIME")
    return int(seconds) * 1000 + int(micros) // 1000


def test_oldest_entries_go_first_and_the_account_matches_what_is_left(valkey: Valkey) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        born: int | None = None
        for number in range(40):
            tier = ("exact", "semantic", "verdict")[number % 3]
            row = await entry_store.keep("a", tier, str(number), b"x" * 1000)
            assert row
            assert born is None or int(row.split("-")[0]) > born
            born = int(row.split("-")[0])
            while await now_ms(store) <= born:  # Between tiers, age has the grain of a millisecond.
                pass
        left = [n for n in range(40) if await entry_store.read("a", ("exact", "semantic", "verdict")[n % 3], str(n))]
        assert left == list(range(40 - len(left), 40))
        assert len(left) == 10_000 // (1000 + OVERHEAD_BYTES)
        assert await entry_store.used_bytes("a") == len(left) * (1000 + OVERHEAD_BYTES)
        assert await entry_store.keep("b", "exact", "0", b"x" * 1000)  # Another team's budget is its own.
        assert await entry_store.read("a", "exact", "39") is not None

    with_entry_store(valkey, check, budget=10_000)


def test_writing_an_entry_again_counts_it_once(valkey: Valkey) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        for size in (1000, 10, 500):
            await entry_store.keep("a", "exact", "same", b"x" * size)
        assert await entry_store.used_bytes("a") == 500 + OVERHEAD_BYTES
        assert await store.call("XLEN", entry_store.names("a").log("exact")) == 1

    with_entry_store(valkey, check)


def test_an_old_row_does_not_take_a_younger_entry_along(valkey: Valkey) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        await entry_store.keep("a", "exact", "same", b"old", ttl_s=1)
        await store.call("DEL", entry_store.names("a").entries("exact") + "same")  # As its time to live does.
        await entry_store.keep("a", "exact", "same", b"y" * 900)
        for number in range(3):
            await entry_store.keep("a", "verdict", str(number), b"x" * 10)
        assert await entry_store.read("a", "exact", "same") == b"y" * 900

    with_entry_store(valkey, check, budget=900 + 10 * 3 + OVERHEAD_BYTES * 4)


def test_rows_past_their_life_leave_the_account(valkey: Valkey) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        await entry_store.keep("a", "exact", "old", b"x" * 1000)
        while await entry_store.read("a", "exact", "old") is not None:
            await asyncio.sleep(0.02)
        await entry_store.keep("a", "semantic", "new", b"x")
        assert await entry_store.used_bytes("a") == 1 + OVERHEAD_BYTES

    with_entry_store(valkey, check, ttl_s={"exact": 1, "semantic": 100, "verdict": 100})


def test_an_entry_larger_than_the_budget_is_refused_and_costs_no_other(valkey: Valkey) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        await entry_store.keep("a", "exact", "small", b"x")
        assert await entry_store.keep("a", "exact", "huge", b"x" * 10_000) is None
        assert await entry_store.read("a", "exact", "small") == b"x"

    with_entry_store(valkey, check, budget=5_000)


def test_concurrent_writers_never_pass_the_budget(valkey: Valkey) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        async def write(writer: int) -> None:
            for number in range(25):
                await entry_store.keep("a", "exact", f"{writer}-{number}", b"x" * 200)
                assert await entry_store.used_bytes("a") <= 10_000

        await asyncio.gather(*(write(writer) for writer in range(8)))
        rows = await store.call("XLEN", entry_store.names("a").log("exact"))
        assert await entry_store.used_bytes("a") == rows * (200 + OVERHEAD_BYTES)

    with_entry_store(valkey, check, budget=10_000)


def test_a_full_redis_keeps_nothing_new_and_still_serves(own_valkey: ValkeyServer) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        cache = ExactCache(entry_store)
        assert await cache.put(CacheKey("a", "k"), answer())
        own_valkey.fill()
        assert not await cache.put(CacheKey("a", "other"), answer())
        assert await cache.get(CacheKey("a", "k")) is not None
        own_valkey.unfill()
        async with asyncio.timeout(10):
            while not await cache.put(CacheKey("a", "other"), answer()):
                await asyncio.sleep(0.05)

    with_entry_store(Valkey(own_valkey, own_valkey.url, "gw:"), check)


def test_a_redis_that_is_away_is_a_miss(own_valkey: ValkeyServer) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        cache = ExactCache(entry_store)
        own_valkey.stop()
        assert await cache.get(CacheKey("a", "k")) is None
        assert not await cache.put(CacheKey("a", "k"), answer())
        assert cache.failures == 2

    with_entry_store(Valkey(own_valkey, own_valkey.url, "gw:"), check)


def test_a_team_purge_removes_that_team_and_frees_its_budget(valkey: Valkey) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        for team in ("a", "b"):
            for tier in ("exact", "semantic", "verdict"):
                for number in range(5):
                    await entry_store.keep(team, tier, str(number), b"x")
        assert (await purge_team(entry_store, "a")).entries == 15
        assert await entry_store.used_bytes("a") == 0
        assert await entry_store.read("a", "semantic", "3") is None
        assert await entry_store.read("b", "semantic", "3") == b"x"

    with_entry_store(valkey, check)


def test_an_entry_purge_removes_its_twin_too(valkey: Valkey) -> None:
    async def check(store: Store, entry_store: EntryStore) -> None:
        cache = ExactCache(entry_store)
        await cache.put(CacheKey("a", "e1"), answer(), semantic_id="s1")
        await entry_store.keep("a", "semantic", "s1", b'{"exact":"e1"}\n{}')
        await cache.put(CacheKey("a", "e2"), answer())
        assert (await purge_entry(entry_store, "a", "exact:e1")).entries == 2
        assert await entry_store.read("a", "semantic", "s1") is None
        await cache.put(CacheKey("a", "e1"), answer(), semantic_id="s1")
        await entry_store.keep("a", "semantic", "s1", b'{"exact":"e1"}\n{}')
        assert (await purge_entry(entry_store, "a", "semantic:s1")).entries == 2
        assert await cache.get(CacheKey("a", "e1")) is None
        assert await cache.get(CacheKey("a", "e2")) is not None

    with_entry_store(valkey, check)


def test_a_purge_makes_room_in_a_full_redis(own_valkey: ValkeyServer) -> None:
    """It is what one does then, and nothing can be announced or counted before there is room."""

    async def check(store: Store, entry_store: EntryStore) -> None:
        for number in range(5):
            await entry_store.keep("a", "semantic", str(number), b"x" * 1000)
        own_valkey.fill()
        assert (await purge_team(entry_store, "a")).entries == 5
        assert await entry_store.read("a", "semantic", "3") is None
        assert await entry_store.used_bytes("a") == 0
        own_valkey.unfill()
        assert (await purge_team(entry_store, "a")).entries >= 0
        await entry_store.keep("a", "exact", "new", b"x")
        assert 0 < await entry_store.used_bytes("a") < 1000

    with_entry_store(Valkey(own_valkey, own_valkey.url, "gw:"), check)
