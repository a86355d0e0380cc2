"""The semantic tier over several gateways and a failing Redis: what one stores, purges or loses, all see."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
from llm_gateway.cache.exact import ExactCache
from llm_gateway.cache.keys import exact_key
from llm_gateway.cache.mirror import Mirror
from llm_gateway.cache.purge import purge_entry, purge_team

from tests.gateway.conftest import Valkey
from tests.gateway.semantic_gateways import Gateway, answer, ask_part, embed, gateways, said
from tests.gateway.valkey_server import ValkeyServer


def test_another_gateway_sees_an_entry_within_a_second_and_a_purge_too(valkey: Valkey) -> None:
    async def check(one: Gateway, two: Gateway) -> None:
        began = time.monotonic()
        entry_id = await one.put("What is the return policy?", "30 days")
        await one.put("Where is my parcel?", "In Oslo", team="b")
        await two.until(lambda: len(two.mirror.index) == 2)
        assert said((await two.look("what is the return policy")).hit) == "30 days"
        assert time.monotonic() - began < 1
        await purge_entry(one.ledger, "a", f"semantic:{entry_id}")
        await two.until(lambda: len(two.mirror.index) == 1)
        assert (await two.look("what is the return policy")).hit is None
        await one.put("What is the return policy?", "60 days")
        await two.until(lambda: len(two.mirror.index) == 2)
        await purge_team(one.ledger, "a")
        await two.until(lambda: len(two.mirror.index) == 1)
        assert (await one.look("what is the return policy")).hit is None
        assert said((await two.look("Where is my parcel", team="b")).hit) == "In Oslo"

    gateways(valkey.url, valkey.prefix, check, count=2)


def test_an_exact_entry_purged_takes_its_semantic_twin_along(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        body = {"messages": [{"role": "user", "content": "What is the return policy?"}]}
        key = exact_key(body, team="a", model="m")
        part = ask_part("What is the return policy?")
        assert key is not None
        semantic_id = await one.cache.put(part, await embed(part.question), answer("30 days"), exact_id=key.digest)
        await ExactCache(one.ledger).put(key, answer("30 days"), semantic_id=semantic_id)
        assert (await purge_entry(one.ledger, "a", f"exact:{key.digest}")).entries == 2
        assert (await one.look("what is the return policy")).hit is None

    gateways(valkey.url, valkey.prefix, check)


def test_a_new_answer_to_the_same_question_replaces_the_old_one(valkey: Valkey) -> None:
    async def check(one: Gateway, two: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        await two.put("What is the return policy?", "60 days")
        await one.until(lambda: [e.row for _, e in _all(one)] == [e.row for _, e in _all(two)])
        assert len(one.mirror.index) == len(two.mirror.index) == 1
        assert said((await one.look("what is the return policy")).hit) == "60 days"

    def _all(gateway: Gateway) -> list[Any]:
        part = ask_part("x")
        return gateway.mirror.index.nearest(gateway.cache._room(part), np.ones(256, np.float32) / 16, 9)

    gateways(valkey.url, valkey.prefix, check, count=2)


def test_an_evicted_entry_is_a_miss_and_leaves_the_index(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        for number in range(30):
            await one.put(f"Is locker {number} free?", "yes" * 100)
        assert (await one.look("what is the return policy")).hit is None
        assert await one.ledger.used_bytes("a") <= 8000

    gateways(valkey.url, valkey.prefix, check, budget=8000)


def test_the_mirror_survives_a_redis_that_comes_back_empty(own_valkey: ValkeyServer) -> None:
    async def check(one: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        resyncs = one.mirror.resyncs
        await asyncio.to_thread(own_valkey.stop, kill=True)
        assert (await one.look("what is the return policy")).hit is None
        await asyncio.to_thread(own_valkey.start)
        await one.until(lambda: one.mirror.resyncs > resyncs and one.store.available)
        assert len(one.mirror.index) == 0
        await one.put("What is the return policy?", "60 days")
        assert said((await one.look("what is the return policy")).hit) == "60 days"

    gateways(own_valkey.url, "gw:", check)


def test_a_frozen_redis_is_a_miss_in_time_and_later_serves_again(own_valkey: ValkeyServer) -> None:
    async def check(one: Gateway) -> None:
        one.store.timeout_s = 0.2
        await one.put("What is the return policy?", "30 days")
        own_valkey.freeze()
        began = time.monotonic()
        assert (await one.look("what is the return policy")).hit is None
        assert time.monotonic() - began < 0.5
        own_valkey.resume()
        await one.until(lambda: one.store.available)
        assert said((await one.look("what is the return policy")).hit) == "30 days"

    gateways(own_valkey.url, "gw:", check)


def test_a_restarted_gateway_reads_10000_entries_while_it_serves(valkey: Valkey) -> None:
    entries, width = 10_000, 1024

    async def check(one: Gateway) -> None:
        vectors = np.random.default_rng(1).standard_normal((entries, width)).astype(np.float32)

        async def put(number: int) -> None:
            assert await one.cache.put(ask_part(f"Where is parcel {number}?"), vectors[number], answer("In Oslo"))

        for start in range(0, entries, 200):
            await asyncio.gather(*(put(number) for number in range(start, start + 200)))
        late = Mirror(valkey.url, prefix=valkey.prefix, teams=["a", "b"], ttl_s=1000)
        cpu, began = time.process_time(), time.monotonic()
        following = asyncio.create_task(late.run())
        longest, served = 0.0, 0
        while not late.synced.is_set():
            asked = time.monotonic()
            assert await one.cache._read("a", one.cache.entry_id(ask_part("Where is parcel 7?"))) is not None
            longest, served = max(longest, time.monotonic() - asked), served + 1
            assert time.monotonic() - began < 20
        # CPU and not wall time, so that a busy machine does not matter: nothing here waits for anything else.
        assert time.process_time() - cpu < 2.0
        assert len(late.index) == entries
        assert served > 10
        assert longest < 1.0
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    gateways(valkey.url, valkey.prefix, check, budget=100_000_000)
