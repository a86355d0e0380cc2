"""The semantic tier over several gateways and a failing Redis: what one stores, purges or loses, all see."""

from __future__ import annotations

import asyncio
import json
import time

import numpy as np
from llm_gateway.cache.exact import ExactCache
from llm_gateway.cache.index_replica import IndexReplica
from llm_gateway.cache.keys import CacheKey, exact_key
from llm_gateway.cache.purge import purge_entry, purge_team

from tests.gateway.cache.semantic_gateways import Gateway, answer, ask_part, gateways, said
from tests.gateway.conftest import Valkey
from tests.gateway.valkey_server import ValkeyServer

SPELT = "what is the return policy"
"""The stored question, typed otherwise."""
OTHER = "what is the policy if I return it"
"""The same in other words."""


def test_another_gateway_sees_an_entry_and_a_purge_at_once(valkey: Valkey) -> None:
    async def check(one: Gateway, two: Gateway) -> None:
        entry_id = await one.put("What is the return policy?", "30 days")
        await one.put("Where is my parcel?", "In Oslo", team="b")
        assert said((await two.look(OTHER)).hit) == "30 days"
        assert said((await two.look(SPELT)).hit) == "30 days"
        await purge_entry(one.entry_store, "a", f"semantic:{entry_id}")
        for question in (OTHER, SPELT):
            assert (await two.look(question)).hit is None
        await one.put("What is the return policy?", "60 days")
        assert said((await two.look(OTHER)).hit) == "60 days"
        await purge_team(one.entry_store, "a")
        for gateway in (one, two):
            assert (await gateway.look(OTHER)).hit is None
            assert len(await gateway.tier.replica.sync("a")) == 0
        assert said((await two.look("where is my parcel", team="b")).hit) == "In Oslo"

    gateways(valkey.url, valkey.prefix, check, count=2)


def test_a_purge_by_the_id_a_member_was_served_with_takes_its_answer_and_the_exact_twin(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        body = {"messages": [{"role": "user", "content": "What is the return policy?"}]}
        key = exact_key(body, team="a", model="m")
        assert key is not None
        for named in ("exact", "member"):
            semantic_id = await one.put("What is the return policy?", "30 days", exact=key.digest)
            await ExactCache(one.entry_store).put(key, json.dumps(answer("30 days")).encode(), semantic_id=semantic_id)
            hit = (await one.look(OTHER)).hit
            assert hit
            purged = await purge_entry(
                one.entry_store, "a", hit.entry_id if named == "member" else f"exact:{key.digest}"
            )
            assert purged.entries == (3 if named == "member" else 2)
            assert await ExactCache(one.entry_store).get(key) is None
            for question in (OTHER, SPELT):
                assert (await one.look(question)).hit is None

    gateways(valkey.url, valkey.prefix, check)


def test_a_purge_of_the_team_takes_refusals_along(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        for says, served in (("no", None), ("yes", "30 days")):
            one.provider.says = says
            await one.put("What is the return policy?", "30 days")
            assert said((await one.look(OTHER)).hit) == served
            await purge_team(one.entry_store, "a")

    gateways(valkey.url, valkey.prefix, check)


def test_a_new_answer_to_the_same_question_replaces_the_old_one(valkey: Valkey) -> None:
    async def check(one: Gateway, two: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        await two.put("What is the return policy?", "60 days")
        for gateway in (one, two):
            assert said((await gateway.look(OTHER)).hit) == "60 days"
            assert len(await gateway.tier.replica.sync("a")) == 2  # The question, and the other wording.

    gateways(valkey.url, valkey.prefix, check, count=2)


def test_an_evicted_entry_is_a_miss_and_leaves_the_index(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        for number in range(30):
            await one.put(f"Is locker {number} free?", "yes" * 100)
        assert (await one.look(SPELT)).hit is None
        assert await one.entry_store.used_bytes("a") <= 8000

    gateways(valkey.url, valkey.prefix, check, budget=8000)


def test_what_one_team_keeps_is_bounded_members_and_refusals_included(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put("How long does delivery take?", "3 days")
        for number in range(60):
            one.provider.says = "yes" if number % 2 else "no"
            await one.look(f"How long does w{number:04} delivery take?")
        assert await one.entry_store.used_bytes("a") <= 30_000
        assert len(await one.tier.replica.sync("a")) <= 60

    gateways(valkey.url, valkey.prefix, check, budget=30_000)


def test_a_redis_that_comes_back_empty_is_believed(own_valkey: ValkeyServer) -> None:
    async def check(one: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        await asyncio.to_thread(own_valkey.stop, kill=True)
        assert (await one.look(SPELT)).hit is None
        await asyncio.to_thread(own_valkey.start)
        async with asyncio.timeout(10):
            while not one.store.available:
                await asyncio.sleep(0.01)
        assert (await one.look(OTHER)).hit is None
        assert len(one.tier.replica) == 0
        await one.put("What is the return policy?", "60 days")
        assert said((await one.look(OTHER)).hit) == "60 days"

    gateways(own_valkey.url, "gw:", check)


def test_a_frozen_redis_is_a_miss_in_time_and_later_serves_again(own_valkey: ValkeyServer) -> None:
    async def check(one: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        own_valkey.freeze()
        began = time.monotonic()
        part = ask_part(SPELT)
        assert (await one.tier.lookup(part, one.outcome(part))).hit is None
        assert time.monotonic() - began < 0.5
        own_valkey.resume()
        async with asyncio.timeout(10):
            while not one.store.available:
                await asyncio.sleep(0.01)
        assert said((await one.look(SPELT)).hit) == "30 days"

    gateways(own_valkey.url, "gw:", check, timeout_s=0.2)


def test_rows_of_an_earlier_version_are_left_alone(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        row: dict[str, bytes | str] = {"p": "room", "q": "old", "v": bytes(256)}
        await one.entry_store.keep("a", "semantic", "old", b"{}\n{}", row=row)
        assert len(await one.tier.replica.sync("a")) == 0

    gateways(valkey.url, valkey.prefix, check)


def test_a_restarted_gateway_reads_its_entries_while_it_serves(valkey: Valkey) -> None:
    entries, width = 4000, 1024

    async def check(one: Gateway) -> None:
        vectors = np.random.default_rng(1).standard_normal((entries, width)).astype(np.float32)

        async def put(number: int) -> None:
            part = ask_part(f"Where is parcel {number}?")
            key = CacheKey("a", "x")
            kept = await one.tier.keep(
                part, vectors[number], answer("In Oslo"), one.outcome(part), ttl_s=None, exact=key
            )
            assert kept

        for start in range(0, entries, 50):
            await asyncio.gather(*(put(number) for number in range(start, start + 50)))
        await one.tier.replica.sync("a")
        late = IndexReplica(one.store, prefix=valkey.prefix, teams=["a", "b"])
        cpu = time.process_time()
        loading = asyncio.create_task(late.load())
        longest, served = 0.0, 0
        while not loading.done():
            asked = time.process_time()
            assert (await one.look("where is parcel 7?")).hit is not None
            longest, served = max(longest, time.process_time() - asked), served + 1
        # CPU and not wall time, so that a busy machine does not matter: nothing here waits for anything else.
        assert time.process_time() - cpu < 4.0
        assert len(late) == entries
        assert served > 10
        assert longest < 0.5

    gateways(valkey.url, valkey.prefix, check, budget=100_000_000)
