"""The learned bounds: what is served unjudged is wrong more rarely than the stack allows, in whatever order it came."""

from __future__ import annotations

import random

import pytest
from llm_gateway.cache.acceptance import ALPHA, ASK_FROM, THRESHOLDS, Labels, evidence, wilson

DELTA = 0.01
STREAMS = 100
LOOKUPS = 2000
CHECKED = 0.05


def test_a_threshold_opens_with_some_500_right_labels_and_never_with_300() -> None:
    labels, needed = Labels(), 0
    while labels.serve_from(DELTA) is None:
        labels.add(0.91, "clear", right=1)
        needed += 1
    assert 300 < needed <= 500
    assert labels.serve_from(DELTA) == 0.9
    assert evidence(0, needed, DELTA) >= len(THRESHOLDS) / ALPHA > evidence(0, needed - 1, DELTA)


def test_a_threshold_that_opened_makes_the_next_one_easier() -> None:
    labels = Labels()
    labels.add(0.91, "clear", right=510)
    labels.add(0.86, "clear", wrong=1, right=439)
    assert labels.serve_from(DELTA) == 0.85
    alone = Labels()
    alone.add(0.86, "clear", wrong=1, right=949)
    assert alone.serve_from(DELTA) is None


def test_wrong_labels_close_it_again_and_pairs_with_doubts_say_nothing() -> None:
    labels = Labels()
    labels.add(0.92, "doubt", right=10_000)
    assert labels.serve_from(DELTA) is None
    labels.add(0.92, "clear", right=600)
    labels.add(0.80, "doubt", wrong=50)
    assert labels.serve_from(DELTA) == 0.9
    labels.add(0.91, "clear", wrong=3)
    assert labels.serve_from(DELTA) is None


def test_what_is_wrong_below_a_threshold_does_not_close_it() -> None:
    labels = Labels()
    labels.add(0.92, "clear", right=600)
    labels.add(0.75, "clear", right=100, wrong=40)
    assert labels.serve_from(DELTA) == 0.9


def test_a_label_taken_back_leaves_no_trace() -> None:
    labels = Labels()
    labels.add(0.92, "clear", right=600)
    before = labels.serve_from(DELTA)
    labels.add(0.92, "clear", right=-1, wrong=1)
    labels.add(0.92, "clear", right=1, wrong=-1)
    assert labels.serve_from(DELTA) == before


def test_asking_stops_where_it_surely_does_not_pay_and_only_there() -> None:
    labels = Labels()
    assert labels.yes_at_most(0.5) == 1.0
    labels.add(0.50, "doubt", wrong=30)
    assert labels.yes_at_most(0.5) < ASK_FROM
    assert labels.yes_at_most(0.52) < ASK_FROM
    assert labels.yes_at_most(0.6) == 1.0
    labels.add(0.50, "clear", right=8)
    assert labels.yes_at_most(0.5) >= ASK_FROM
    # Where an answer is dear, even one yes in twenty pays.
    labels.add(0.70, "doubt", wrong=48, right=2)
    assert 0.05 <= labels.yes_at_most(0.7) < ASK_FROM


def stream(seed: int, wrong_at: list[tuple[float, float]]) -> tuple[int, int, float]:
    """One team's lookups in a random order: unjudged hits, those of them that are wrong, and their expected share."""
    source, labels = random.Random(seed), Labels()
    served = wrong = 0
    expected = 0.0
    for _ in range(LOOKUPS):
        similarity = source.betavariate(9, 2)
        share = next(share for floor, share in wrong_at if similarity >= floor)
        bad = source.random() < share
        threshold = labels.serve_from(DELTA)
        alone = threshold is not None and similarity >= threshold
        if alone:
            served += 1
            wrong += bad
            expected += share
        if not alone or source.random() < CHECKED:
            labels.add(similarity, "clear", right=not bad, wrong=bad)
    return served, wrong, expected


@pytest.mark.parametrize(
    "wrong_at",
    [
        [(0.9, 0.0), (0.8, 0.004), (0.7, 0.05), (0.0, 0.5)],
        [(0.95, 0.002), (0.85, 0.012), (0.0, 0.3)],
        [(0.9, 0.011), (0.0, 0.2)],
        [(0.0, 0.0101)],
    ],
    ids=["separable", "narrow", "just too wrong", "just too wrong everywhere"],
)
def test_the_bound_holds_in_95_of_100_shuffled_streams(wrong_at: list[tuple[float, float]]) -> None:
    """Of what is served unjudged, the share that is wrong by its nature stays under delta."""
    found = [stream(seed, wrong_at) for seed in range(STREAMS)]
    held = sum(expected <= DELTA * served for served, _, expected in found)
    assert held >= 0.95 * STREAMS


def test_it_is_not_the_bound_of_a_cache_that_serves_nothing() -> None:
    found = [stream(seed, [(0.9, 0.0), (0.8, 0.004), (0.7, 0.05), (0.0, 0.5)]) for seed in range(20)]
    assert sum(served for served, _, _ in found) > 0.15 * 20 * LOOKUPS
    assert sum(wrong for _, wrong, _ in found) < DELTA * sum(served for served, _, _ in found)


def test_a_threshold_without_a_bound_would_not_hold() -> None:
    """The simulation can fail: a threshold of 0.7 set by hand is wrong too often in nearly all streams."""

    def unbounded(seed: int) -> bool:
        source, bad, served = random.Random(seed), 0, 0
        for _ in range(LOOKUPS):
            similarity = source.betavariate(9, 2)
            if similarity >= 0.7:
                served += 1
                bad += source.random() < (0.05 if similarity < 0.8 else 0.004 if similarity < 0.9 else 0.0)
        return bad <= DELTA * served

    assert sum(unbounded(seed) for seed in range(50)) < 25


@pytest.mark.parametrize(("hits", "total", "low", "high"), [(0, 0, 0, 1), (0, 300, 0, 0.0126), (5, 10, 0.2366, 0.7634)])
def test_wilson_intervals_are_the_published_ones(hits: int, total: int, low: float, high: float) -> None:
    assert wilson(hits, total) == pytest.approx((low, high), abs=1e-3)
