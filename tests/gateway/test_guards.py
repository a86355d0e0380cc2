"""What the lexical guards let through, what they doubt, and what they forbid."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from llm_gateway.cache.guards import compare
from llm_gateway.cache.reading import read
from llm_gateway.cache.spelling import distance, slip
from llm_gateway.cache.zones import Thresholds, decide

PAIRS = Path(__file__).resolve().parents[1] / "bench" / "gateway" / "development_pairs.tsv"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the return policy?", "Can you tell me what the return policy is?"),
        ("What's the return policy?", "what is the RETURN policy"),
        ("How do I change the email address on my account?", "How do I chnage the email adress on my acount?"),
        ("How much does the Pro plan cost?", "What's the price of the Pro plan?"),
        ("Does the trial last fourteen days?", "Does the trial last 14 days?"),
        ("Is it open on the 3rd of May?", "Is it open on May 3rd?"),
        ("Is £50 enough?", "Is 50 pounds enough?"),
        ("Can I get a refund if the event is cancelled?", "If the event is canceled, can I get a refund?"),
        ("How do I cancel my booking?", "I'd like to cancel my reservation, how do I do that?"),
        ("Is the centre open on Mondays?", "Is the center open on Monday?"),
        ("What is the capital of Mongolia?", "What is Mongolia's capital?"),
        ("yes please", "yes please"),
    ],
)
def test_the_same_question_in_other_words_raises_no_doubt(one: str, other: str) -> None:
    assert compare(one, other).doubts == ()
    assert compare(other, one).doubts == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the return policy?", "What is the shipping policy?"),
        ("What is the return policy?", "What is not covered by the return policy?"),
        ("What is the return policy?", "What is the return policy for gift cards?"),
        ("What happens if I pay?", "What happens if I don't pay?"),
        ("Is it legal to record a call?", "Is it illegal to record a call?"),
        ("Are all employees eligible?", "Are some employees eligible?"),
        ("Does Anna owe Ben money?", "Does Ben owe Anna money?"),
        ("Convert 10 miles to kilometres", "Convert 10 kilometres to miles"),
        ("Is the flight from Oslo to Rome late?", "Is the flight from Rome to Oslo late?"),
        ("Can I change my seat before booking?", "Can I change my seat after booking?"),
        ("How often should I change the filter?", "How should I change the filter?"),
        ("When does the gym open?", "When does the gym close?"),
        ("When do you close?", "When are you closed?"),
        ("When will my order arrive?", "When did my order arrive?"),
        ("How do I turn on dark mode?", "How do I turn off dark mode?"),
        ("Is Mr Smith in today?", "Is Mr Smyth in today?"),
        ("Is the diary entry due?", "Is the dairy entry due?"),
        ("Remind me on 3 May", "Remind me in March"),
        ("Book a table for 7 pm", "Book a table for 7 am"),
        ("Where can I park?", "Where can I park overnight?"),
        ("Was it delivered?", "Is it delivered?"),
        ("it", "that"),
        ("返品できますか", "返品できませんか"),
    ],
)
def test_anything_an_answer_could_hang_on_is_a_doubt(one: str, other: str) -> None:
    assert compare(one, other).doubts
    assert compare(other, one).doubts


@pytest.mark.parametrize(
    ("one", "other", "what"),
    [
        ("Track order 48213", "Track order 48231", "numbers"),
        ("Can I take two every four hours?", "Can I take 2 every 2 hours?", "numbers"),
        ("Summarise ticket AB-1234", "Summarise ticket AB-1243", "codes"),
        ("Write to ann@example.com", "Write to anna@example.com", "codes"),
        ("Translate 'good night'", "Translate 'good evening'", "quotes"),
    ],
)
def test_contradicting_details_are_not_left_to_a_judge(one: str, other: str, what: str) -> None:
    assert what in compare(one, other).forbids
    assert decide(one, other, 1.0, Thresholds(0.9, 0.5)).zone == "miss"


def test_no_trap_of_the_development_set_passes_and_most_true_pairs_do() -> None:
    rows = [line.split("\t") for line in PAIRS.read_text("utf-8").splitlines()]
    passed = {
        kind: [not compare(one, other).doubts for label, one, other in rows if label == kind]
        for kind in ("same", "trap")
    }
    assert not any(passed["trap"])
    assert len(passed["trap"]) > 100
    assert sum(passed["same"]) > 0.5 * len(passed["same"])


@pytest.mark.parametrize(
    "text", ["", " ", "?", "¿", "'", "9" * 5000, "a-" * 3000, "\ud800", "((((", "x" * 20000, "\0", "½ ² ٣"]
)
def test_any_text_can_be_read(text: str) -> None:
    read(text)
    assert compare(text, "What is the return policy?").doubts


@pytest.mark.parametrize(("one", "other", "is_slip"), [
    ("account", "acount", True), ("prescription", "perscription", True), ("recieve", "receive", True),
    ("form", "from", False), ("debit", "debt", False), ("safe", "unsafe", False), ("flixora", "flixera", False),
    ("cat", "cta", False), ("organise", "orgnaise", True),
])  # fmt: skip
def test_a_slip_is_a_near_miss_of_a_known_word_by_an_unknown_one(one: str, other: str, is_slip: bool) -> None:
    assert slip(one, other) is slip(other, one) is is_slip


def test_distance_counts_a_swap_once_and_stops_at_the_limit() -> None:
    assert distance("change", "chnage", 2) == 1
    assert distance("kitten", "sitting", 5) == 3
    assert distance("a", "abcdefgh", 2) == 3


@pytest.mark.parametrize(
    ("similarity", "same_history", "zone"),
    [(0.95, True, "serve"), (0.85, True, "judge"), (0.4, True, "miss"), (0.95, False, "judge")],
)
def test_zones_follow_similarity_and_history(similarity: float, same_history: bool, zone: str) -> None:
    limits = Thresholds(serve_at=0.9, judge_at=0.5)
    found = decide(
        "What is the return policy?", "what's the return policy", similarity, limits, same_history=same_history
    )
    assert found.zone == zone


def test_a_doubt_goes_to_the_judge_only_if_near_enough() -> None:
    limits = Thresholds(serve_at=0.9, judge_at=0.5)
    pair = ("What is the return policy?", "How do I return an item?")
    assert decide(*pair, 0.99, limits).zone == "judge"
    assert decide(*pair, 0.49, limits).zone == "miss"


@pytest.mark.parametrize(
    "piece",
    [
        *("a", "a ", "qx", "1", "1.", "1,", '"', "'", "-", "a-", "a@", "@a.", ".", "http://", "#1a", "of a ", "a, is "),
        "\ufdfa",
    ],
)
def test_no_text_holds_up_the_event_loop(piece: str) -> None:
    for length in (1000, 8000):
        text = (piece * length)[:length]
        began = time.process_time()
        compare(text + "?", text[:-1] + "z")
        assert time.process_time() - began < 0.5
