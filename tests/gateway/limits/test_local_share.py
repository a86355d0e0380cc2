"""The share of the limits a gateway keeps to by itself, on a clock the tests turn."""

from __future__ import annotations

import random

import pytest
from llm_gateway.limits.local_share import DAY_US, Admission, Limits, LocalShare, Totals

SECOND = 1_000_000
WINDOW = 60 * SECOND
NOON = 20_000 * DAY_US + DAY_US // 2
LIMITS = Limits(requests=100, tokens=10_000, nano_usd=1_000)


def admit(share: LocalShare, now: int, count: int = 1, *, tokens: int = 0, nano_usd: int = 0) -> int:
    """Try `count` requests alone; how many were admitted."""
    done = 0
    for number in range(count):
        if share.blocked(now, LIMITS, requests=1, tokens=tokens, nano_usd=nano_usd) is None:
            share.admit(Admission(f"{now}-{number}-{id(share)}", now, 1, tokens, nano_usd, unreported=True))
            done += 1
    return done


def alone(gateways: int, heard: Totals | None, own: int = 0) -> LocalShare:
    """A gateway that admitted `own` requests, heard this word of Redis, and has just lost it at noon."""
    share = LocalShare(gateways=gateways, window_us=WINDOW)
    for number in range(own):
        share.admit(Admission(f"own{number}", NOON - 1_000, 1, 0, 0))
    if heard is not None:
        share.observe(heard)
    share.redis_lost(NOON, LIMITS)
    return share


def test_one_gateway_has_the_whole_of_what_was_left() -> None:
    share = alone(1, Totals(NOON - 1, 30, 0, 0), own=30)
    assert admit(share, NOON, 200) == 70


def test_what_others_had_admitted_is_counted_for_one_window() -> None:
    share = alone(1, Totals(NOON - 1, 30, 0, 0))
    assert admit(share, NOON, 200) == 70
    assert admit(share, NOON + WINDOW, 200) == 100


def test_what_was_left_is_divided_by_the_gateways_for_the_first_window() -> None:
    share = alone(4, Totals(NOON - 1, 80, 0, 0), own=10)
    assert admit(share, NOON, 200) == 5
    assert admit(share, NOON + WINDOW, 200) == 25


def test_a_gateway_with_no_word_from_redis_takes_it_that_nothing_was_left() -> None:
    share = alone(2, None)
    assert admit(share, NOON, 200) == 0
    blocked = share.blocked(NOON, LIMITS, requests=1, tokens=0, nano_usd=0)
    assert blocked is not None
    assert blocked.wait_us == WINDOW
    assert admit(share, NOON + WINDOW, 200) == 50
    assert admit(share, NOON + 2 * WINDOW, 1, nano_usd=1) == 0


def test_an_old_word_from_redis_says_nothing_when_there_are_other_gateways() -> None:
    assert admit(alone(2, Totals(NOON - 10_000_000, 0, 0, 0)), NOON, 200) == 0
    assert admit(alone(1, Totals(NOON - 10_000_000, 0, 0, 0)), NOON, 200) == 100


def lost_again(share: LocalShare, first: Totals, then: Totals) -> LocalShare:
    """Redis comes back a second after noon, says `then`, and is lost again before the share is lifted."""
    share.observe(first)
    share.redis_lost(NOON, LIMITS)
    share.redis_restored(NOON + SECOND)
    share.observe(then)
    share.redis_lost(then.at + SECOND, LIMITS)
    return share


def test_lost_again_before_the_share_is_lifted_it_is_still_a_part_of_what_is_left() -> None:
    now = NOON + 3 * SECOND
    share = lost_again(
        LocalShare(gateways=2, window_us=WINDOW), Totals(NOON - 1, 0, 0, 0), Totals(now - SECOND, 40, 4_000, 400)
    )
    assert share.left(now, LIMITS) == (30, 3_000, 300)
    assert share.left(now + DAY_US, LIMITS) == (50, 5_000, 500)


def test_lost_again_it_is_not_more_than_at_the_first_time() -> None:
    """Others may have admitted by themselves what they have not yet told Redis."""
    now = NOON + 3 * SECOND
    share = lost_again(
        LocalShare(gateways=2, window_us=WINDOW), Totals(NOON - 1, 80, 8_000, 800), Totals(now - SECOND, 0, 0, 0)
    )
    assert share.left(now, LIMITS) == (10, 1_000, 100)
    # What the first loss left binds for one window after it, as if Redis had never been back.
    assert share.left(NOON + WINDOW, LIMITS) == (50, 5_000, 100)


def test_what_redis_has_not_answered_yet_is_not_taken_for_known_when_it_is_lost_again() -> None:
    """It would be taken from what the others have, and be on top of this gateway's own."""
    share = LocalShare(gateways=2, window_us=WINDOW)
    share.observe(Totals(NOON - 1, 0, 0, 0))
    share.redis_lost(NOON, LIMITS)
    share.redis_restored(NOON + SECOND)
    asked = Admission("asked", NOON + 2 * SECOND, 10, 1_000, 100)
    share.admit(asked, asking=True)
    share.observe(Totals(NOON + 2 * SECOND, 50, 5_000, 500))
    share.redis_lost(NOON + 3 * SECOND, LIMITS)
    share.retract(asked)
    assert share.left(NOON + 3 * SECOND, LIMITS) == (25, 2_500, 250)


def test_dollars_are_what_was_spent_plus_a_part_of_what_was_left_until_the_next_day() -> None:
    share = LocalShare(gateways=2, window_us=WINDOW)
    share.admit(Admission("own", NOON - 1_000, 1, 0, 500))
    share.observe(Totals(NOON - 1, 1, 0, 600))
    share.redis_lost(NOON, LIMITS)
    assert share.left(NOON, LIMITS)[2] == 200
    tomorrow = (NOON // DAY_US + 1) * DAY_US
    blocked = share.blocked(NOON, LIMITS, requests=0, tokens=0, nano_usd=201)
    assert blocked is not None
    assert (blocked.limit, blocked.wait_us) == ("usd", tomorrow - NOON)
    assert share.left(tomorrow, LIMITS)[2] == 500


def test_the_wait_is_exactly_when_it_fits() -> None:
    share = alone(2, Totals(NOON - 1, 0, 0, 0))
    for second in range(50):
        assert admit(share, NOON + second * 1_000_000) == 1
    now = NOON + 50_000_000
    blocked = share.blocked(now, LIMITS, requests=1, tokens=0, nano_usd=0)
    assert blocked is not None
    assert share.blocked(now + blocked.wait_us - 1, LIMITS, requests=1, tokens=0, nano_usd=0) is not None
    assert share.blocked(now + blocked.wait_us, LIMITS, requests=1, tokens=0, nano_usd=0) is None


@pytest.mark.parametrize("seed", range(20))
def test_whatever_gateways_did_before_no_window_over_all_of_them_passes_the_limit(seed: int) -> None:
    chance = random.Random(seed)
    gateways = chance.choice([1, 2, 3, 4])
    shares = [LocalShare(gateways=gateways, window_us=WINDOW) for _ in range(gateways)]
    times: list[int] = []
    for at in sorted(NOON - chance.randrange(2 * WINDOW) for _ in range(150)):
        total = sum(time > at - WINDOW for time in times)
        if total < LIMITS.requests:
            shares[int(gateways * chance.random() ** 2)].admit(Admission(f"s{at}", at, 1, 0, 0))
            times.append(at)
    total = sum(time > NOON - 10 - WINDOW for time in times)
    for share in shares:
        share.observe(Totals(NOON - 10, total, 0, 0))
        share.redis_lost(NOON + chance.randrange(3_000_000 - 10), LIMITS)
    for now in range(NOON + 3_000_000, NOON + 3 * WINDOW, 500_000):
        share = chance.choice(shares)
        times += [now] * admit(share, now, chance.randrange(12))
    for at in times:
        assert sum(at - WINDOW < time <= at for time in times) <= LIMITS.requests


def test_a_long_outage_is_kept_as_a_sum_and_not_as_a_list() -> None:
    share = alone(1, Totals(NOON - 1, 0, 0, 0))
    for minute in range(60):
        now = NOON + minute * WINDOW
        for number in range(10):
            admission = Admission(f"{minute}-{number}", now, 1, 5, 1, unreported=True)
            share.admit(admission)
            share.settle(admission.id, tokens=5, nano_usd=1)
    share.own(NOON + 59 * WINDOW)
    assert len(share.unreported) == 10
    assert sum(share.unreported_spend.values()) + sum(a.nano_usd for a in share.unreported.values()) == 600


def test_an_admission_settles_once() -> None:
    share = LocalShare(gateways=1, window_us=WINDOW)
    share.admit(Admission("a", NOON, 1, 100, 100))
    assert share.settle("a", tokens=10, nano_usd=20) is not None
    assert share.settle("a", tokens=99, nano_usd=99) is None
    assert share.own(NOON) == (1, 10, 20)
