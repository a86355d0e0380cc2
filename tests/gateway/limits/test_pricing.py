"""Bills and estimates."""

from __future__ import annotations

import pytest
from llm_gateway.config import Price
from llm_gateway.limits.media import Document, Picture
from llm_gateway.limits.pricing import MOST_TOKENS, Spend, at_most, spend
from llm_gateway.limits.tokens import InputSize

MINI, BIG = Price(input=150, output=600, cached_input=75), Price(input=2500, output=10000, cached_input=1250)


def test_a_bill_is_tokens_times_price() -> None:
    assert spend(MINI, {"prompt_tokens": 10, "completion_tokens": 3}) == Spend(13, 10 * 150 + 3 * 600)


def test_tokens_the_provider_had_cached_cost_less_and_never_more_than_there_are() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 4}}
    assert spend(MINI, usage).nano_usd == 6 * 150 + 4 * 75
    usage["prompt_tokens_details"] = {"cached_tokens": 40}
    assert spend(MINI, usage).nano_usd == 10 * 75


def test_missing_figures_count_as_none() -> None:
    assert spend(MINI, {}) == spend(MINI, {"prompt_tokens": None, "prompt_tokens_details": None}) == Spend(0, 0)


@pytest.mark.parametrize("told", [-5, -0.5, float("nan"), float("-inf"), "12", [], {}, None])
def test_what_is_no_number_of_tokens_is_none(told: object) -> None:
    """Else a correction would be refused by the counters for ever."""
    usage = {"prompt_tokens": told, "completion_tokens": told, "prompt_tokens_details": {"cached_tokens": told}}
    assert spend(MINI, usage) == Spend(0, 0)


@pytest.mark.parametrize("told", [10**40, float("inf"), 1e300])
def test_a_bill_beyond_all_measure_still_fits_the_counters(told: float) -> None:
    bill = spend(BIG, {"prompt_tokens": told, "completion_tokens": told})
    assert bill.tokens == 2 * MOST_TOKENS
    assert bill.nano_usd < 2**53


def test_an_estimate_is_never_below_a_bill_within_a_tenth_of_our_count() -> None:
    for price in (MINI, BIG):
        most = at_most(price, model="mini", size=InputSize(1000), output_tokens=500)
        bill = spend(price, {"prompt_tokens": 1100, "completion_tokens": 500})
        assert most.nano_usd >= bill.nano_usd
        assert most.tokens >= bill.tokens


def test_a_document_that_is_not_in_the_request_may_cost_all_that_a_model_reads() -> None:
    """G10: `file_id` alone; the dollars of a whole context are reserved, however few tokens the limit counts."""
    unseen = at_most(BIG, model="big", size=InputSize(10, (Document(None),)), output_tokens=100)
    assert unseen.nano_usd >= BIG.context * BIG.input + 100 * BIG.output


def test_a_document_whose_pages_can_be_counted_costs_at_most_a_context_and_limits_no_more_than_its_pages() -> None:
    """G9."""
    short = at_most(MINI, model="big", size=InputSize(10, (Document(2),)), output_tokens=100)
    assert short.tokens < 10_000
    long = at_most(MINI, model="big", size=InputSize(10, (Document(10_000),)), output_tokens=100)
    assert long.tokens <= MINI.context + 200


def test_a_picture_costs_what_it_is_billed_as() -> None:
    """G26."""
    plain = at_most(MINI, model="gpt-4o-mini", size=InputSize(10), output_tokens=0)
    pictured = at_most(MINI, model="gpt-4o-mini", size=InputSize(10, (Picture(4),)), output_tokens=0)
    assert pictured.tokens - plain.tokens == 2_833 + 4 * 5_667


def test_spends_add_up() -> None:
    assert Spend(1, 2) + Spend(3, 4) == Spend(4, 6)
