"""Streams: what customers ask one after the other, each question with the topic whose answer it wants.

`generate` makes one from the wordings of the reported pairs and of intents.toml: topics come up, are asked again by
others in the very same words, in another wording, or with the same words dressed otherwise (a greeting, no capitals, no
question mark), the more often the more they were asked before. A near miss of a pair is a topic of its own.
Streams of others come as lines of two cells, split by a tab: the topic, the question.
"""

from __future__ import annotations

import itertools
import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.gateway.semantic.pairs import HERE, SETS, Unusable, own_pairs, reported

DRESSES = (
    "Hi, {q}",
    "{q} Thanks!",
    "Please tell me: {q}",
)
NOT_IN_STREAMS = frozenset({"personal", "time", "declines", "injection"})
"""Kinds whose answer depends on more than the topic."""


@dataclass(frozen=True)
class Asked:
    """One question of a stream."""

    topic: str
    question: str


@dataclass(frozen=True)
class Intent:
    """One topic with its answer and its wordings."""

    topic: str
    answer: str
    wordings: tuple[str, ...]


def frequent() -> list[Intent]:
    """The reported topics of which there are many wordings, without their near misses: a list of frequent questions."""
    return [intent for intent in intents() if len(intent.wordings) > 4]


def worded() -> list[Intent]:
    """The reported topics of frequent.toml, each with all its wordings."""
    told = tomllib.loads((HERE / "frequent.toml").read_text("utf-8"))
    found = []
    for topic in told["topics"]:
        parts = [told["pieces"].get(part, [part]) if isinstance(part, str) else part for part in topic["parts"]]
        wordings = {" ".join(filter(None, pieces)) + "?" for pieces in itertools.product(*parts)}
        if reported(topic["topic"]):
            found.append(Intent(topic["topic"], topic["answer"], tuple(sorted(wordings))))
    return found


def each_once(topics: Sequence[Intent], length: int, *, seed: int) -> list[Asked]:
    """A stream without repeats: wordings of topics of which some are asked far more often than others (Zipf)."""
    rng = random.Random(seed)
    mixed = rng.sample(list(topics), len(topics))
    left = {topic.topic: rng.sample(topic.wordings, len(topic.wordings)) for topic in mixed}
    asked: list[Asked] = []
    while len(asked) < length and any(left.values()):
        weights = [bool(left[topic.topic]) / place for place, topic in enumerate(mixed, 1)]
        (topic,) = rng.choices(mixed, weights)
        asked.append(Asked(topic.topic, left[topic.topic].pop()))
    return asked


def intents() -> list[Intent]:
    """All topics a stream can be made of."""
    groups: dict[str, Intent] = {}
    alone: dict[str, Intent] = {}
    # Without the trades: some of their topics are those of other sets, and a topic has one name here.
    for pair in own_pairs(SETS[:3]):
        if not reported(pair.topic) or pair.kind in NOT_IN_STREAMS:
            continue
        group = groups.get(pair.topic) or Intent(pair.topic, pair.answer, (pair.stored,))
        if pair.same:
            groups[pair.topic] = Intent(pair.topic, pair.answer, (*group.wordings, pair.new))
        else:
            alone[pair.new] = Intent(f"{pair.topic}/{pair.new}", f"What is to be said to: {pair.new}", (pair.new,))
    return [*groups.values(), *alone.values(), *_with_things()]


def _with_things() -> list[Intent]:
    told = tomllib.loads((HERE / "intents.toml").read_text("utf-8"))
    return [
        Intent(
            f"{intent['wordings'][0]}/{thing}",
            intent["answer"].replace("{x}", thing),
            tuple(wording.replace("{x}", thing) for wording in intent["wordings"]),
        )
        for intent in told["intents"]
        for thing in told["things"][intent["of"]]
    ]


def generate(topics: Sequence[Intent], length: int, *, again: float, verbatim: float, seed: int) -> list[Asked]:
    """A stream of ``length`` questions.

    Args:
        topics: what may be asked; each comes up as new at most once.
        again: share of questions whose topic was asked before.
        verbatim: share of those that repeat an earlier question to the letter.
        seed: the same seed makes the same stream.
    """
    rng = random.Random(seed)
    fresh = rng.sample(list(topics), len(topics))
    known: dict[str, Intent] = {}
    asked: list[Asked] = []
    while len(asked) < length:
        # Drawing from what was asked, not from the topics, makes what is popular more so.
        if asked and (not fresh or rng.random() < again):
            before = rng.choice(asked)
            repeat = rng.random() < verbatim
            asked.append(before if repeat else _worded(known[before.topic], rng))
        else:
            intent = fresh.pop()
            known[intent.topic] = intent
            asked.append(_worded(intent, rng))
    return asked


def _worded(intent: Intent, rng: random.Random) -> Asked:
    words, luck = rng.choice(intent.wordings), rng.random()
    if luck < 0.25:
        words = words.lower().rstrip("?")
    elif luck < 0.5:
        words = rng.choice(DRESSES).replace("{q}", words)
    return Asked(intent.topic, words)


def read_stream(path: Path) -> list[Asked]:
    """A stream of others. Raises Unusable with the line's number."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        topic, tab, question = line.partition("\t")
        if not tab:
            raise Unusable(f"{path}:{number}: not two cells of topic, question")
        found.append(Asked(topic, question))
    return found
