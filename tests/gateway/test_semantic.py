"""The semantic tier as a whole: who is served what, on a real server, with embeddings and verdicts made up."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import pytest
from llm_gateway.cache.index import Vector
from llm_gateway.cache.semantic import Lookup

from tests.gateway.conftest import Valkey
from tests.gateway.semantic_gateways import Gateway, Verdicts, answer, ask_part, embed, gateways, said

RETURNS = ("What is the return policy?", "What's your refund policy?", "How do I return an item?")


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
