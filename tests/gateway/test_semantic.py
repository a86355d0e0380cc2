"""The semantic tier as a whole: who is served what, on a real server, with embeddings and verdicts made up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from llm_gateway.aliases import Aliases
from llm_gateway.budget import Ledger
from llm_gateway.canonical import Partition, exact_key, partition
from llm_gateway.exact import ExactCache, Hit
from llm_gateway.index import Vector
from llm_gateway.judge import Judge
from llm_gateway.mirror import Mirror
from llm_gateway.purge import purge_entry, purge_team
from llm_gateway.semantic import Lookup, SemanticCache
from llm_gateway.store import Store
from llm_gateway.zones import Thresholds

from tests.gateway.conftest import Valkey
from tests.gateway.valkey_server import ValkeyServer

RETURNS = ("What is the return policy?", "What's your refund policy?", "How do I return an item?")
WAIT_S = 5.0


async def embed(text: str) -> Vector:
    """Texts that share words point the same way; a plain stand-in for a model."""
    total = np.zeros(256, np.float32)
    for word in text.casefold().replace("?", "").split():
        seed = int.from_bytes(word.encode()[:7].ljust(8, b"\0"), "little")
        total += np.random.default_rng(seed).standard_normal(256).astype(np.float32)
    return total


def ask_part(question: str, *, team: str = "a", earlier: Sequence[tuple[str, str]] = (), **more: Any) -> Partition:
    said = [*earlier, ("user", question)]
    body = {"messages": [{"role": role, "content": text} for role, text in said], **more}
    found = partition(body, team=team, model="m")
    assert found is not None
    return found


def answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }


def said(hit: Hit | None) -> str | None:
    return None if hit is None else hit.response["choices"][0]["message"]["content"]


@dataclass
class Verdicts:
    """A judging model that says what it is told to and counts."""

    says: str = "yes"
    delay_s: float = 0
    asked: list[str] = field(default_factory=list)

    async def __call__(self, messages: list[dict[str, str]]) -> str:
        self.asked.append(messages[1]["content"])
        await asyncio.sleep(self.delay_s)
        if self.says == "raise":
            raise ConnectionError
        return self.says


@dataclass
class Gateway:
    """One gateway process' share of the semantic cache."""

    store: Store
    ledger: Ledger
    mirror: Mirror
    cache: SemanticCache
    judge: Judge

    async def put(self, question: str, text: str, **more: Any) -> str | None:
        part = ask_part(question, **more)
        return await self.cache.put(part, None, answer(text), embed=embed)

    async def look(self, question: str, verdicts: Verdicts | None = None, **more: Any) -> Lookup:
        return await self.cache.lookup(ask_part(question, **more), embed, verdicts)

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not met():
                await asyncio.sleep(0.005)


def gateways(
    url: str,
    prefix: str,
    check: Callable[..., Awaitable[None]],
    *,
    count: int = 1,
    aliases: Sequence[Sequence[str]] = (),
    budget: int = 10_000_000,
    other_conversations: bool = True,
) -> None:
    async def main() -> None:
        made: list[Gateway] = []
        followers: list[asyncio.Task[None]] = []
        for _ in range(count):
            store = Store(url, prefix=prefix, timeout_s=2, breaker_open_s=0.1)
            ttl = {"exact": 1000, "semantic": 1000, "verdict": 1000}
            ledger = Ledger(store, prefix=prefix, bytes_per_team=budget, ttl_s=ttl)
            mirror = Mirror(url, prefix=prefix, teams=["a", "b"], ttl_s=1000, retry_s=0.05)
            judge = Judge(ledger, model="j", timeout_s=0.3, longest_conversation=2000)
            cache = SemanticCache(
                ledger,
                lambda mirror=mirror: mirror.index,
                judge,
                thresholds=Thresholds(serve_at=0.6, judge_at=0.3),
                aliases=Aliases(aliases),
                space="words:256",
                embed_timeout_s=0.3,
                other_conversations=other_conversations,
            )
            made.append(Gateway(store, ledger, mirror, cache, judge))
            followers.append(asyncio.create_task(mirror.run()))
            await asyncio.wait_for(mirror.synced.wait(), WAIT_S)
        try:
            await check(*made)
        finally:
            for follower in followers:
                follower.cancel()
            await asyncio.gather(*followers, return_exceptions=True)
            for gateway in made:
                await gateway.store.close()

    asyncio.run(main())


def test_a_reworded_question_is_served_and_a_different_one_is_not(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        found = await one.look("can you tell me what the return policy is")
        assert said(found.hit) == "30 days"
        assert found.hit
        assert found.hit.how == "guards"
        assert found.hit.tier == "semantic"
        for other in ("What is the return policy for gift cards?", "What is not covered by the return policy?"):
            miss = await one.look(other)
            assert miss.hit is None
            assert miss.similarity
            assert miss.similarity > 0.6
            assert miss.reasons

    gateways(valkey.url, valkey.prefix, check)


def test_the_seeds_questions_hit_by_the_reviewed_list_without_an_embedding_and_neighbours_miss(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(RETURNS[0], "30 days")

        async def no_embedding(text: str) -> Vector:
            raise AssertionError("an alias needs no embedding")

        for question in (*RETURNS, "what’s your REFUND policy", "How do i return an item"):
            found = await one.cache.lookup(ask_part(question), no_embedding)
            assert found.hit is not None
            assert found.hit.how == "alias"
            assert said(found.hit) == "30 days"
        for question in (
            "What is the shipping policy?",
            "What is not covered by the return policy?",
            "What is the return policy for gift cards?",
        ):
            assert (await one.look(question)).hit is None
        earlier = [("user", "I bought a gift card"), ("assistant", "Yes?")]
        assert (await one.look(RETURNS[1], earlier=earlier)).hit is None
        assert (await one.look(RETURNS[1], team="b")).hit is None
        assert (await one.look(RETURNS[1], user="u1")).hit is None

    gateways(valkey.url, valkey.prefix, check, aliases=[RETURNS])


@pytest.mark.parametrize(
    "other",
    [{"team": "b"}, {"user": "u1"}, {"temperature": 0}, {"earlier": [("system", "Be brief.")]}],
    ids=lambda other: next(iter(other)),
)
def test_nothing_crosses_a_partition_even_with_a_willing_judge(valkey: Valkey, other: dict[str, Any]) -> None:
    async def check(one: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        verdicts = Verdicts()
        assert (await one.look("What is the return policy?", verdicts, **other)).hit is None
        assert verdicts.asked == []

    gateways(valkey.url, valkey.prefix, check)


def test_a_verdict_decides_what_the_guards_leave_open_and_is_remembered(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        verdicts = Verdicts("Yes.")
        found = await one.look("What is the policy if I return it?", verdicts)
        assert said(found.hit) == "30 days"
        assert found.hit
        assert found.hit.how == "judge"
        assert (await one.look("What is the policy if I return it?", verdicts)).hit is not None
        assert len(verdicts.asked) == 1
        assert one.judge.remembered == 1
        no = Verdicts("no")
        assert (await one.look("What is the return policy abroad?", no)).hit is None
        assert (await one.look("What is the return policy abroad?", Verdicts("yes"))).hit is None

    gateways(valkey.url, valkey.prefix, check)


@pytest.mark.parametrize(
    "verdicts", [Verdicts("raise"), Verdicts("perhaps"), Verdicts(""), Verdicts("yes", 5)], ids=str
)
def test_a_judge_that_fails_or_dawdles_is_a_miss_and_not_remembered(valkey: Valkey, verdicts: Verdicts) -> None:
    async def check(one: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        began = time.monotonic()
        assert (await one.look("What is the policy if I return it?", verdicts)).hit is None
        assert time.monotonic() - began < 2
        assert said((await one.look("What is the policy if I return it?", Verdicts())).hit) == "30 days"

    gateways(valkey.url, valkey.prefix, check)


def test_numbers_that_contradict_are_not_even_judged(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put("Can I return it within 14 days?", "yes")
        verdicts = Verdicts()
        assert (await one.look("Can I return it within 40 days?", verdicts)).hit is None
        assert verdicts.asked == []

    gateways(valkey.url, valkey.prefix, check)


def test_other_earlier_turns_are_served_only_by_a_judge_that_reads_both(valkey: Valkey) -> None:
    trainers = [("user", "My trainers are too small"), ("assistant", "You may return them.")]
    sofa = [("user", "My sofa is too big"), ("assistant", "You may return it.")]

    async def check(one: Gateway) -> None:
        await one.put("how do i send it back?", "by post", earlier=trainers)
        assert said((await one.look("how do i send it back?", earlier=trainers)).hit) == "by post"
        assert (await one.look("how do i send it back?", earlier=sofa)).hit is None
        assert (await one.look("how do i send it back?")).hit is None
        no = Verdicts("no")
        assert (await one.look("how do i send it back?", no, earlier=sofa)).hit is None
        assert "trainers" in no.asked[0]
        assert "sofa" in no.asked[0]
        yes = Verdicts("yes")
        again = [("user", "The trainers you sent are too small"), ("assistant", "You may return them.")]
        assert said((await one.look("how do i send it back?", yes, earlier=again)).hit) == "by post"
        long = [("user", "x" * 3000), ("assistant", "ok")]
        assert (await one.look("how do i send it back?", Verdicts(), earlier=long)).hit is None

    gateways(valkey.url, valkey.prefix, check)


def test_a_detail_of_one_conversation_never_reaches_another(valkey: Valkey) -> None:
    mine = [("user", "I am Ada Byron, order 51230, ada@example.com"), ("assistant", "Thanks, Ada.")]
    yours = [("user", "I have an order with you"), ("assistant", "Thanks.")]

    async def check(one: Gateway) -> None:
        for number, text in enumerate(("Order 51230 left today", "We wrote to ada@example.com", "It is ready, Byron")):
            question = f"what happens to it in case {number}?"
            await one.put(question, text, earlier=mine)
            verdicts = Verdicts("yes")
            assert (await one.look(question, verdicts, earlier=yours)).hit is None
            assert verdicts.asked == []
            assert said((await one.look(question, earlier=mine)).hit) == text
        await one.put("how long does it take to arrive?", "Up to 5 days", earlier=mine)
        found = await one.look("how long does it take to arrive?", Verdicts("yes"), earlier=yours)
        assert said(found.hit) == "Up to 5 days"

    gateways(valkey.url, valkey.prefix, check)


def test_other_conversations_can_be_left_out_altogether(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put("how do i send it back?", "by post", earlier=[("user", "trainers"), ("assistant", "yes?")])
        verdicts = Verdicts()
        earlier = [("user", "the trainers"), ("assistant", "yes?")]
        assert (await one.look("how do i send it back?", verdicts, earlier=earlier)).hit is None
        assert verdicts.asked == []

    gateways(valkey.url, valkey.prefix, check, other_conversations=False)


@pytest.mark.parametrize("how", ["raise", "slow", "nan", "zero"])
def test_an_embedding_that_fails_is_a_miss(valkey: Valkey, how: str) -> None:
    async def broken(text: str) -> Vector:
        if how == "raise":
            raise ConnectionError
        if how == "slow":
            await asyncio.sleep(5)
        return np.full(256, np.nan if how == "nan" else 0.0, np.float32)

    async def check(one: Gateway) -> None:
        assert await one.cache.lookup(ask_part("q"), broken) == Lookup()
        assert await one.cache.put(ask_part("q"), None, answer("x"), embed=broken) is None

    gateways(valkey.url, valkey.prefix, check)


def test_an_unfinished_answer_is_not_kept(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        cut = answer("30 da")
        cut["choices"][0]["finish_reason"] = "length"
        assert await one.cache.put(ask_part("q"), None, cut, embed=embed) is None

    gateways(valkey.url, valkey.prefix, check)


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
