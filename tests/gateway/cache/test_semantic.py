"""The semantic tier as a whole: who is served what, on a real server, with embeddings and verdicts made up."""

from __future__ import annotations

from typing import Any

import pytest
from llm_gateway.cache import judge
from llm_gateway.cache.keys import CacheKey
from llm_gateway.cache.semantic_tier import Lookup
from llm_gateway.limits.pricing import Spend
from llm_gateway.limits.tokens import count_texts

from tests.gateway.cache.semantic_gateways import EMBEDDED, JUDGED, Gateway, answer, ask_part, gateways, said
from tests.gateway.cache.test_vetoes import NEVER_BY_SIMILARITY
from tests.gateway.conftest import Valkey

VERDICT = JUDGED["prompt_tokens"] + JUDGED["completion_tokens"]
STORED, NEW = "How long does delivery take?", "How many days does delivery take?"


def test_a_yes_serves_and_the_new_wording_is_served_at_once_from_then_on(valkey: Valkey) -> None:
    async def check(one: Gateway, two: Gateway) -> None:
        await one.put(STORED, "3 days")
        found, outcome = await one.looked(NEW)
        assert said(found.hit) == "3 days"
        assert found.hit
        assert (found.hit.tier, found.hit.served_by) == ("semantic", "judge")
        assert outcome.similarity == found.hit.similarity
        assert 0.5 < (outcome.similarity or 0) < 1
        assert one.provider.cases == [{"STORED": STORED, "ANSWER": "3 days", "NEW": NEW}]
        assert (outcome.overhead, outcome.judged.tokens) == (EMBEDDED, VERDICT)
        assert outcome.billable == EMBEDDED  # The verdict has been booked by itself.
        assert one.limiter.booked == [VERDICT]
        for gateway in (one, two):
            gateway.provider.embedded.clear()
            again, outcome = await gateway.looked("how many days  does delivery take")
            assert said(again.hit) == "3 days"
            assert outcome.similarity == found.hit.similarity
            assert outcome.total == Spend()
            assert gateway.provider.embedded == []
        assert len(one.provider.cases) == 1
        assert two.provider.cases == []

    gateways(valkey.url, valkey.prefix, check, count=2)


def test_a_no_is_a_miss_and_remembered_by_every_gateway(valkey: Valkey) -> None:
    async def check(one: Gateway, two: Gateway) -> None:
        await one.put(STORED, "3 days")
        one.provider.says = "No."
        assert (await one.look(NEW)).hit is None
        two.provider.says = "yes"
        assert (await two.look(NEW)).hit is None
        assert (len(one.provider.cases), len(two.provider.cases)) == (1, 0)

    gateways(valkey.url, valkey.prefix, check, count=2)


def test_a_no_is_about_one_answer_and_not_about_the_next(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "It depends on where you live.")
        one.provider.says = "no"
        assert (await one.look(NEW)).hit is None
        await one.put(STORED, "3 days")
        one.provider.says = "yes"
        assert said((await one.look(NEW)).hit) == "3 days"

    gateways(valkey.url, valkey.prefix, check)


def test_a_member_does_not_outlive_the_answer_it_was_judged_for(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        assert said((await one.look(NEW)).hit) == "3 days"
        await one.put(STORED, "We do not deliver any more.")
        one.provider.says = "no"
        assert (await one.look(NEW)).hit is None
        assert len(one.provider.cases) == 2

    gateways(valkey.url, valkey.prefix, check)


def test_a_wording_near_a_member_finds_the_members_answer_and_is_judged_with_its_own_question(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put("What is the return policy?", "30 days")
        await one.look("What is the policy for sending back shoes?")
        await one.look("Tell me about sending back shoes please")
        assert one.provider.cases[-1]["STORED"] == "What is the return policy?"
        assert one.counts["a", "served_judge"] == 2

    gateways(valkey.url, valkey.prefix, check)


def test_the_same_question_typed_otherwise_needs_no_embedding_and_has_no_similarity(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        one.provider.embedded.clear()
        for question in ("how long does delivery take", " How long  does delivery take?? "):
            found, outcome = await one.looked(question)
            assert said(found.hit) == "3 days"
            assert found.hit
            assert found.hit.served_by == "same"
            assert outcome.similarity is None
        assert one.provider.embedded == []

    gateways(valkey.url, valkey.prefix, check)


@pytest.mark.parametrize(
    "other",
    [
        {"team": "b"},
        {"temperature": 0},
        {"earlier": [("system", "Be brief.")]},
        {"earlier": [("user", "hi"), ("assistant", "hello")]},
        {"response_format": {"type": "json_object"}},
    ],
    ids=lambda other: str(next(iter(other.items()))),
)
def test_nothing_crosses_a_partition_even_with_a_willing_judge(valkey: Valkey, other: dict[str, Any]) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        for question in (STORED, NEW):
            assert (await one.look(question, **other)).hit is None
        assert one.provider.cases == []

    gateways(valkey.url, valkey.prefix, check)


def test_end_users_share_answers_unless_the_team_keeps_them_apart(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        for team, shared in (("a", True), ("apart", False)):
            await one.put("What are your opening hours?", "9 to 5", team=team, user="A")
            for question in ("What are your opening hours?", "What opening hours are there?"):
                hit = (await one.look(question, team=team, user="B")).hit
                assert said(hit) == ("9 to 5" if shared else None)

    gateways(valkey.url, valkey.prefix, check)


@pytest.mark.parametrize("says", ["raise", "perhaps", "", "yes, no", "Yes! I was told so."])
def test_a_judge_that_fails_is_a_miss_and_not_remembered(valkey: Valkey, says: str) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        one.provider.says = says
        assert (await one.look(NEW)).hit is None
        one.provider.says = "yes"
        assert said((await one.look(NEW)).hit) == "3 days"

    gateways(valkey.url, valkey.prefix, check)


def test_a_verdict_that_comes_late_is_a_miss_but_booked_and_learned(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        one.provider.says, one.provider.delay_s = "no", 1.0
        found, outcome = await one.looked(NEW)
        assert found.hit is None
        assert one.provider.told == 0
        assert outcome.total == EMBEDDED
        assert one.limiter.open == 1  # What it may cost stays reserved after the request is over.
        await one.tier.close()
        assert one.limiter.booked == [VERDICT]
        assert len(await one.tier.labels.of("a")) == 1
        one.provider.delay_s = 0
        assert (await one.look(NEW)).hit is None
        assert len(one.provider.cases) == 1

    gateways(valkey.url, valkey.prefix, check, judge_timeout_s=0.05)


def test_a_judge_that_keeps_failing_is_left_alone_for_a_while(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        one.provider.says = "raise"
        for _ in range(5):
            assert (await one.look(NEW)).hit is None
        assert len(one.provider.cases) == 3

    gateways(valkey.url, valkey.prefix, check)


def test_a_background_team_misses_without_waiting_and_learns(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days", team="late")
        one.provider.delay_s = 0.2
        found, outcome = await one.looked(NEW, team="late")
        assert one.provider.told == 0
        assert found.hit is None
        assert outcome.total == EMBEDDED
        assert one.limiter.open == 1
        await one.tier.close()
        assert len(one.provider.cases) == len(await one.tier.labels.of("late")) == 1
        assert one.limiter.booked == [VERDICT]
        assert said((await one.look(NEW, team="late")).hit) == "3 days"

    gateways(valkey.url, valkey.prefix, check)


def test_figures_that_contradict_are_not_even_judged(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put("Can I return it within 14 days?", "yes")
        assert (await one.look("Can I return it within 40 days?")).hit is None
        assert one.provider.cases == []

    gateways(valkey.url, valkey.prefix, check)


LONG = "How long does a delivery take to my house?"


def test_nothing_is_served_unjudged_before_there_are_labels_nor_to_another_person(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(LONG, "3 days", user="A")
        one.provider.says = "no"
        assert (await one.look("How long would a delivery take to your house?", user="A")).hit is None
        assert len(one.provider.cases) == 1
        await one.teach([0.71], right=2000)
        found, outcome = await one.looked("How long would a delivery take to our house?", user="A")
        assert said(found.hit) == "3 days"
        assert found.hit
        assert found.hit.served_by == "similarity"
        assert outcome.overhead == EMBEDDED
        assert len(one.provider.cases) == 1
        assert one.counts["a", "served_similarity"] == 1
        for other in ({"user": "B"}, {}):
            question = f"How long will a delivery take to his {'own ' * len(other)}house?"
            assert (await one.look(question, **other)).hit is None
        assert len(one.provider.cases) == 3

    gateways(valkey.url, valkey.prefix, check)


def test_a_refused_answer_is_not_served_unjudged_either(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(LONG, "3 days")
        one.provider.says = "no"
        new = "How long would a delivery take to our house?"
        assert (await one.look(new)).hit is None
        await one.teach([0.71], right=1000)
        assert (await one.tier.labels.of("a")).serve_from(0.02) == 0.7
        assert (await one.look(new)).hit is None

    gateways(valkey.url, valkey.prefix, check, max_wrong=0.02)


@pytest.mark.parametrize(("stored", "new"), NEVER_BY_SIMILARITY)
def test_the_pairs_of_the_cases_are_judged_even_where_similarity_decides(valkey: Valkey, stored: str, new: str) -> None:
    async def check(one: Gateway) -> None:
        await one.put(stored, "stored")
        await one.teach([0.97, 0.92, 0.87, 0.82, 0.75, 0.65], right=1000)
        assert (await one.tier.labels.of("a")).serve_from(0.01) == 0.6
        one.provider.says = "no"
        assert (await one.look(new)).hit is None
        assert (await one.look(stored)).hit is not None

    gateways(valkey.url, valkey.prefix, check)


def test_a_no_to_the_nearest_does_not_let_the_next_be_served_unjudged(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put("How long does a delivery take to my flat?", "5 days")
        await one.put(LONG, "3 days")
        await one.teach([0.97, 0.92, 0.87, 0.82, 0.75, 0.65], right=1000)
        one.provider.says = "no"
        assert (await one.look("How long does a delivery take to our house?")).hit is None

    gateways(valkey.url, valkey.prefix, check)


def test_where_verdicts_are_all_no_the_judge_is_soon_not_asked(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        one.provider.says = "no"
        for number in range(40):
            assert (await one.look(f"How long does w{number:04} take?")).hit is None
        assert 5 < len(one.provider.cases) < 25

    gateways(valkey.url, valkey.prefix, check)


def test_where_answers_are_dear_the_judge_is_asked_on(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        dear, part = answer("3 days"), ask_part(STORED)
        dear["usage"] = {"prompt_tokens": 40_000, "completion_tokens": 200}  # Rules of the shop, for instance.
        await one.tier.keep(part, None, dear, one.outcome(part), ttl_s=None, exact=CacheKey("a", "x"))
        one.provider.says = "no"
        for number in range(40):
            assert (await one.look(f"How long does w{number:04} take?")).hit is None
        assert len(one.provider.cases) == 40

    gateways(valkey.url, valkey.prefix, check)


def test_reviewed_aliases_are_served_without_embedding_judge_or_number(valkey: Valkey) -> None:
    group = ("What is the return policy?", "What's your refund policy?", "How do I return an item?")

    async def check(one: Gateway) -> None:
        await one.put(group[0], "30 days")
        one.provider.embedded.clear()
        for question in (*group, "what’s your refund policy"):
            found, outcome = await one.looked(question)
            assert said(found.hit) == "30 days"
            assert found.hit
            assert (found.hit.tier, found.hit.served_by) == ("alias", "alias")
            assert outcome.similarity is None
        assert one.provider.embedded == one.provider.cases == []
        one.provider.says = "no"
        assert (await one.look(group[1], earlier=[("user", "I bought a card"), ("assistant", "Yes?")])).hit is None
        assert (await one.look(group[1], team="b")).hit is None

    gateways(valkey.url, valkey.prefix, check, aliases=[list(group)])


def test_an_embedding_that_fails_is_a_miss(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        one.provider.embeds = False
        assert await one.look("q") == Lookup()
        assert await one.put("q", "x") is None

    gateways(valkey.url, valkey.prefix, check)


def test_an_unfinished_answer_is_not_kept(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        cut, part = answer("30 da"), ask_part("q")
        cut["choices"][0]["finish_reason"] = "length"
        kept = await one.tier.keep(part, None, cut, one.outcome(part), ttl_s=None, exact=CacheKey("a", "x"))
        assert kept is None
        assert one.provider.embedded == []

    gateways(valkey.url, valkey.prefix, check)


def test_nothing_is_reserved_for_what_will_not_be_embedded(valkey: Valkey) -> None:
    """G8: a question too long to be embedded reserves nothing."""

    async def check(one: Gateway) -> None:
        tier = one.tier
        assert tier.at_most(ask_part("word " * 14_500), 14_500) == Spend()
        assert 20 <= tier.at_most(ask_part(NEW), 20).tokens <= 40

    gateways(valkey.url, valkey.prefix, check)


def test_every_verdict_is_reserved_before_it_is_asked_and_costs_no_more(valkey: Valkey) -> None:
    async def check(one: Gateway) -> None:
        for number in range(5):
            await one.put(f"How long does delivery {number * 'really '}take?", "3 days " * 40 * (number + 1))
        one.provider.says = "no"
        _, outcome = await one.looked(NEW)
        assert len(one.provider.cases) == 2
        assert (one.limiter.booked, one.limiter.open) == ([VERDICT, VERDICT], 0)
        assert outcome.judged.tokens == 2 * VERDICT
        messages = [judge.request(judge.Case(*case.values()))["messages"] for case in one.provider.cases]
        read = [count_texts(message["content"] for message in each) for each in messages]
        assert all(tokens < most < 1.2 * tokens + 40 for tokens, most in zip(read, one.limiter.reserved, strict=True))

    gateways(valkey.url, valkey.prefix, check)


@pytest.mark.parametrize("team", ["a", "late"])
def test_a_team_without_room_in_its_limits_gets_no_verdict(valkey: Valkey, team: str) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days", team=team)
        one.limiter.full = True
        for _ in range(4):
            found, outcome = await one.looked(NEW, team=team)
            assert found.hit is None
            assert outcome.total == EMBEDDED
        await one.tier.close()
        assert one.provider.cases == one.limiter.booked == []
        assert one.counts[team, "judge_limited"] == 4
        one.limiter.full = False
        await one.look(NEW, team=team)  # The judge is not taken for one that fails.
        await one.tier.close()
        assert len(one.provider.cases) == 1

    gateways(valkey.url, valkey.prefix, check)


@pytest.mark.parametrize("unsettled", [False, True])
def test_a_verdict_that_may_be_billed_although_it_failed_is_booked_at_most(valkey: Valkey, unsettled: bool) -> None:
    async def check(one: Gateway) -> None:
        await one.put(STORED, "3 days")
        one.provider.says, one.provider.unsettled = "raise", unsettled
        await one.look(NEW)
        assert one.limiter.booked == (one.limiter.reserved if unsettled else [0])

    gateways(valkey.url, valkey.prefix, check)
