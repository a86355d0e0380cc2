"""The evaluation of the semantic cache still runs, splits its sets as it always did, and refuses stale verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from llm_gateway.cache.judge import PROMPT_VERSION

from tests.bench.gateway.semantic import measure, streams
from tests.bench.gateway.semantic.offline import Embeddings
from tests.bench.gateway.semantic.pairs import (
    HERE,
    Pair,
    Unusable,
    Verdicts,
    errors,
    own_pairs,
    read_pairs,
    reported,
)

POLICY, PASSAGE = "What is the return policy?", "You can return anything within 30 days with the label of My Orders."
PAIRS = [
    Pair("returns", "same", True, POLICY, PASSAGE, "How do I return an item?"),
    Pair("returns", "same", True, POLICY, PASSAGE, "What's your refund policy?"),
    Pair("returns", "number", False, "Can I return it after 10 days?", PASSAGE, "Can I return it after 40 days?"),
    Pair("returns", "entity", False, POLICY, PASSAGE, "What is the warranty policy?"),
]


@pytest.fixture(scope="module")
def embeddings() -> Embeddings:
    return Embeddings(
        [text for pair in PAIRS for text in (pair.stored, pair.new)] + ["Where is Oslo?", "Which bus goes home?"]
    )


def test_every_own_pair_has_a_verdict_under_the_gateways_prompt() -> None:
    pairs = own_pairs()
    verdicts = Verdicts.read(HERE / "verdicts.json", PROMPT_VERSION)
    assert {pair.id for pair in pairs} == verdicts.yes | verdicts.no
    assert not verdicts.yes & verdicts.no
    refused, let_through = errors(pairs, verdicts)
    assert (refused, let_through) != (0, 0), "a judge without any error was not a judge"


def test_the_reported_part_is_large_and_its_topics_are_its_own() -> None:
    pairs = own_pairs()
    kept_back = [pair for pair in pairs if reported(pair.topic)]
    assert sum(pair.same for pair in kept_back) >= 300
    assert sum(not pair.same for pair in kept_back) >= 300
    assert not {pair.topic for pair in kept_back} & {pair.topic for pair in pairs if not reported(pair.topic)}
    assert len({pair.id for pair in pairs}) == len(pairs)


def test_verdicts_given_under_another_prompt_are_refused(tmp_path: Path) -> None:
    stale = tmp_path / "verdicts.json"
    stale.write_text(json.dumps({"model": "m", "prompt_version": "0", "yes": [], "no": []}), "utf-8")
    with pytest.raises(Unusable, match="under prompt 0"):
        Verdicts.read(stale, PROMPT_VERSION)


def test_a_pair_without_a_verdict_is_told() -> None:
    with pytest.raises(Unusable, match="no verdict is recorded"):
        Verdicts("m", frozenset(), frozenset()).of(PAIRS[0])


def test_the_judge_decides_over_pairs_and_vetoes_need_none(embeddings: Embeddings) -> None:
    def served(says: bool) -> tuple[float, float]:
        found = measure.over_pairs(PAIRS, embeddings, lambda _pair: says, candidate_from=-1.0)
        return found["paraphrases served"]["count"], found["wrong of served"]["count"]

    assert served(True) == (2, 1)  # The other number is vetoed, whatever the judge says.
    assert served(False) == (0, 0)


def test_a_stream_is_served_right_by_a_right_judge_and_wrong_by_a_wrong_one(embeddings: Embeddings) -> None:
    intents = [
        streams.Intent("returns", PASSAGE, (POLICY, "How do I return an item?", "What's your refund policy?")),
        streams.Intent("warranty", "24 months.", ("What is the warranty policy?",)),
    ]
    stream = streams.generate(intents, 40, again=0.9, verbatim=0.2, seed=1)
    assert stream == streams.generate(intents, 40, again=0.9, verbatim=0.2, seed=1)
    answers = {intent.topic: intent.answer for intent in intents}

    def run(lets_through: float) -> measure.Stretch:
        parts = measure.over_stream(
            stream, answers.__getitem__, embeddings, -1.0, refuses=0.0, lets_through=lets_through, stretch=10
        )
        return sum(parts, measure.Stretch())

    right, wrong = run(0.0), run(1.0)
    assert len({asked.question for asked in stream}) <= right.lookups < len(stream)
    assert right.hits.total() > 0
    assert right.wrong.total() == 0
    assert wrong.wrong.total() > 0
    assert right.counts["judge_calls"] > 0
    assert right.counts["saved"] > 0


def test_files_of_others_are_read_and_their_mistakes_named(tmp_path: Path) -> None:
    file = tmp_path / "pairs.tsv"
    file.write_text("same\ta?\tyes\tb?\nother\ta?\t\tc?\n", "utf-8")
    assert [(pair.same, pair.stored, pair.answer, pair.new) for pair in read_pairs(file)] == [
        (True, "a?", "yes", "b?"),
        (False, "a?", "", "c?"),
    ]
    file.write_text("same\ta?\tb?\n", "utf-8")
    with pytest.raises(Unusable, match=":1: not four cells"):
        read_pairs(file)
    file.write_text("topic\ta?\nb?\n", "utf-8")
    with pytest.raises(Unusable, match=":2: not two cells"):
        streams.read_stream(file)


def test_no_question_of_the_streams_has_two_topics() -> None:
    wordings = [wording for intent in streams.intents() for wording in intent.wordings]
    assert len(wordings) == len(set(wordings))
