"""What is found wrong after it was served, by a check or by an operator, is acted on."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llm_gateway.cache.exact import ExactCache, Hit
from llm_gateway.cache.keys import CacheKey
from llm_gateway.cache.purge import take_back
from llm_gateway.limits.pricing import Spend

from tests.gateway.cache.semantic_gateways import Gateway, answer, gateways, said
from tests.gateway.conftest import Valkey

STORED, NEW = "How long does delivery take?", "How many days is a parcel in delivery?"
LONG, SIMILAR = "How long does a delivery take to my house?", "How long would a delivery take to our house?"


async def served(one: Gateway, question: str) -> Hit:
    """Look a question up, and let its hit be checked to the end."""
    found, outcome = await one.looked(question)
    assert found.hit is not None
    body = {"model": "m", "messages": [{"role": "user", "content": question}]}
    one.tier.shadow_sample.consider(outcome, found.hit, "m", body, Spend(1000, 1000))
    await one.tier.close()
    return found.hit


async def counts(one: Gateway) -> tuple[int, int]:
    """Right and wrong labels of team a."""
    labels = await one.tier.labels.of("a")
    return sum(labels._right), sum(labels._wrong)


def test_a_hit_that_differs_from_a_fresh_answer_goes_and_its_verdict_turns(valkey: Valkey) -> None:
    async def check(one: Gateway, two: Gateway) -> None:
        key = CacheKey("a", "e1")
        entry = await one.put(STORED, "3 days", exact="e1")
        await ExactCache(one.entry_store).put(key, json.dumps(answer("3 days")).encode(), semantic_id=entry)
        judged = await one.look(NEW)
        assert judged.hit
        assert await counts(one) == (1, 0)
        one.provider.says, one.provider.fresh = "no", "9 days"
        await served(one, NEW)
        assert await counts(one) == (0, 1)
        assert one.provider.cases[-1] == {"QUESTION": NEW, "A": "3 days", "B": "9 days"}
        assert await ExactCache(one.entry_store).get(key) is None
        for gateway in (one, two):
            gateway.provider.says = "yes"
            assert (await gateway.look(NEW)).hit is None
            assert (await gateway.look(STORED)).hit is None
        await two.put(STORED, "3 days")  # The same answer again: for this wording it stays refused.
        assert (await two.look(NEW)).hit is None
        estimate = await two.tier.shadow_sample.estimate("a")
        assert (estimate["sampled"], estimate["wrong"]) == (1, 1)
        assert (await two.tier.shadow_sample.estimate("b"))["sampled"] == 0

    gateways(valkey.url, valkey.prefix, check, count=2, shadow_rate=0.01)


@pytest.mark.parametrize(
    ("says", "fresh", "sampled"),
    [("raise", "3  days", 1), ("yes", "three days", 1), ("raise", "9 days", 0), ("maybe", "9 days", 0)],
)
def test_a_hit_that_agrees_or_cannot_be_compared_stays(valkey: Valkey, says: str, fresh: str, sampled: int) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        await one.look(NEW)
        one.provider.says, one.provider.fresh = says, fresh
        await served(one, NEW)
        assert said((await one.look(NEW)).hit) == "3 days"
        assert await counts(one) == (1, 0)
        assert (await one.tier.shadow_sample.estimate("a"))["sampled"] == sampled

    gateways(valkey.url, valkey.prefix, check, shadow_rate=0.01)


def test_checks_of_unjudged_hits_feed_the_bound_and_a_wrong_one_closes_it(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(LONG, "3 days")
        await one.teach([0.71], right=450)
        labels = await one.tier.labels.of("a")
        assert labels.serve_from(0.02) == 0.7
        assert labels.serve_from(0.01) is None
        one.provider.fresh = "3 days"
        hit = await served(one, SIMILAR)
        assert hit.served_by == "similarity"
        assert await counts(one) == (450, 0)  # There are labels enough, and the sample did not fall on it.
        one.tier.shadow_sample._rate = 1.0
        await served(one, SIMILAR)
        assert await counts(one) == (451, 0)
        await take_back(one.entry_store, one.tier.labels, "a", hit.entry_id)
        await one.teach([0.71], right=0, wrong=6)
        assert (await one.tier.labels.of("a")).serve_from(0.02) is None

    gateways(valkey.url, valkey.prefix, check, shadow_rate=1e-12, max_wrong=0.02)


def test_an_answer_that_an_operator_takes_back_moves_the_threshold(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(LONG, "3 days")
        while (await one.tier.labels.of("a")).serve_from(0.02) is None:
            await one.teach([0.71], right=1)
        hit = (await one.look(SIMILAR)).hit
        assert hit
        assert hit.served_by == "similarity"
        assert (await take_back(one.entry_store, one.tier.labels, "a", hit.entry_id)).entries == 2
        assert (await one.tier.labels.of("a")).serve_from(0.02) is None
        assert (await one.look(LONG)).hit is None

    gateways(valkey.url, valkey.prefix, check, max_wrong=0.02)


def test_all_hits_are_checked_until_there_are_labels_then_a_share_and_each_wording_once(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        one.provider.fresh = "3 days"
        await served(one, NEW)
        await served(one, NEW)
        await served(one, "how long does delivery take")  # The stored question itself.
        assert one.provider.answered == 1
        await one.teach([0.5], right=400)
        await served(one, "How many days is delivery of a parcel?")
        assert one.provider.answered == 1

    gateways(valkey.url, valkey.prefix, check, shadow_rate=1e-12)


def test_a_rate_of_nothing_turns_checks_off(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        await served(one, NEW)
        assert one.provider.answered == 0

    gateways(valkey.url, valkey.prefix, check)


def test_an_operator_takes_back_by_the_id_of_the_hit_and_twice_does_no_harm(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        hit = (await one.look(NEW)).hit
        assert hit
        assert (await take_back(one.entry_store, one.tier.labels, "a", hit.entry_id)).entries == 2
        assert await counts(one) == (0, 1)
        assert (await take_back(one.entry_store, one.tier.labels, "a", hit.entry_id)).entries == 0
        assert (await take_back(one.entry_store, one.tier.labels, "b", hit.entry_id)).entries == 0
        assert await counts(one) == (0, 1)
        for wrong in ("", "semantic:", "nonsense", "verdict:1"):
            with pytest.raises(ValueError, match="entry id"):
                await take_back(one.entry_store, one.tier.labels, "a", wrong)

    gateways(valkey.url, valkey.prefix, check)


def test_an_exact_answer_taken_back_takes_its_semantic_twin_along(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        entry = await one.put(STORED, "3 days", exact="e1")
        await ExactCache(one.entry_store).put(
            CacheKey("a", "e1"), json.dumps(answer("3 days")).encode(), semantic_id=entry
        )
        assert (await take_back(one.entry_store, one.tier.labels, "a", "exact:e1")).entries == 2
        assert (await one.look(STORED)).hit is None
        assert await counts(one) == (0, 0)

    gateways(valkey.url, valkey.prefix, check)


def test_a_check_is_paid_by_the_team(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        await one.look(NEW)
        booked: list[Any] = one.limiter.booked
        booked.clear()
        await served(one, NEW)
        assert booked == [600, 301]  # The fresh answer and the comparison.

    gateways(valkey.url, valkey.prefix, check, shadow_rate=0.01)
