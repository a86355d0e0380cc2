"""What is measured on the cache: over pairs, over streams, over shuffled streams, and in money."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from llm_gateway.cache.acceptance import THRESHOLDS, Labels, wilson
from llm_gateway.cache.judge import Case

from tests.bench.gateway.semantic.offline import Cache, Embeddings
from tests.bench.gateway.semantic.pairs import Pair
from tests.bench.gateway.semantic.streams import Asked

Verdict = Callable[[Pair], bool]


def share(some: int, of: int) -> dict[str, float]:
    """A share with its 95% Wilson interval."""
    low, high = wilson(some, of)
    return {"count": some, "of": of, "share": some / of if of else 0.0, "low": low, "high": high}


def over_pairs(
    pairs: Sequence[Pair], embeddings: Embeddings, verdict: Verdict, candidate_from: float
) -> dict[str, Any]:
    """Each pair in a cache of its own: the stored question is kept, the new one asked."""
    asyncio.run(_each(pairs, embeddings, verdict, candidate_from, served := []))
    right = sum(pair.same for pair in served)
    near: dict[str, list[int]] = {}
    for pair in pairs:
        if not pair.same:
            near.setdefault(pair.kind, [0, 0])[1] += 1
            near[pair.kind][0] += pair in served
    return {
        "paraphrases served": share(right, sum(pair.same for pair in pairs)),
        "wrong of served": share(len(served) - right, len(served)),
        "near misses served": {kind: {"served": some, "of": of} for kind, (some, of) in sorted(near.items())},
    }


async def _each(
    pairs: Sequence[Pair], embeddings: Embeddings, verdict: Verdict, candidate_from: float, served: list[Pair]
) -> None:
    for pair in pairs:
        cache = Cache(embeddings, lambda _case, pair=pair: verdict(pair), candidate_from=candidate_from)  # type: ignore[misc]
        await cache.ask(pair.stored, pair.answer or pair.stored)
        answer, _ = await cache.ask(pair.new, "another answer")
        if answer is not None:
            served.append(pair)


def cosine_alone(pairs: Sequence[Pair], embeddings: Embeddings, kept: float) -> dict[str, Any]:
    """Plain cosine, with the threshold that serves this share of these very pairs' paraphrases."""
    at = threshold(pairs, embeddings, kept)
    served = [pair for pair in pairs if embeddings[pair.stored] @ embeddings[pair.new] >= at]
    right = sum(pair.same for pair in served)
    return {
        "paraphrases served": share(right, sum(pair.same for pair in pairs)),
        "wrong of served": share(len(served) - right, len(served)),
    }


def erring(verdict: Verdict, rate: float) -> Verdict:
    """The same verdicts, each turned round with some probability, always the same ones."""
    return lambda pair: verdict(pair) != (_drawn(pair.id) < rate)


def threshold(pairs: Iterable[Pair], embeddings: Embeddings, kept: float = 0.99) -> float:
    """The cosine that this share of the paraphrases is above."""
    near = sorted(float(embeddings[pair.stored] @ embeddings[pair.new]) for pair in pairs if pair.same)
    return round(near[int((1 - kept) * len(near))], 3)


@dataclass
class Stretch:
    """What happened over some questions of a stream.

    Attributes:
        lookups: questions that reached the semantic tier. One that was a miss before is the exact tier's.
        hits: how many were served, by how they were found right.
        wrong: those of them whose topic was another.
        counts: the tier's own counts, and the nano-dollars it saved and spent.
    """

    lookups: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Stretch) -> Stretch:
        return Stretch(
            self.lookups + other.lookups,
            self.hits + other.hits,
            self.wrong + other.wrong,
            self.counts + other.counts,
        )

    def figures(self) -> dict[str, Any]:
        """Shares of hits, of right hits and of what was served without a verdict."""
        hits, wrong = self.hits.total(), self.wrong.total()
        return {
            "lookups": self.lookups,
            "hit rate": share(hits, self.lookups),
            "right of hits": share(hits - wrong, hits),
            "hits by how": dict(self.hits),
            "unjudged of hits": share(self.hits["similarity"], hits),
            "wrong of unjudged": share(self.wrong["similarity"], self.hits["similarity"]),
            "judge calls per 1000": 1000 * self.counts["judge_calls"] / max(1, self.lookups),
            "saved usd": self.counts["saved"] / 1e9,
            "spent usd": self.counts["spent"] / 1e9,
        }


Answer = Callable[[str], str]
"""A topic's answer."""


def over_stream(
    stream: Sequence[Asked],
    answer: Answer,
    embeddings: Embeddings,
    candidate_from: float,
    *,
    refuses: float,
    lets_through: float,
    stretch: int = 1000,
) -> list[Stretch]:
    """Ask a stream's questions one after the other.

    Args:
        refuses: with what probability the judge refuses a right answer; always the same questions.
        lets_through: with what probability it lets a wrong one through.
        stretch: questions per stretch.
    """
    return asyncio.run(_asked(stream, answer, embeddings, candidate_from, (refuses, lets_through), stretch))


async def _asked(
    stream: Sequence[Asked],
    answer: Answer,
    embeddings: Embeddings,
    candidate_from: float,
    errs: tuple[float, float],
    stretch: int,
) -> list[Stretch]:
    topic_of = {asked.question: asked.topic for asked in stream}

    def judge(case: Case) -> bool:
        right = case.answer == answer(topic_of[case.new])
        return right != (_drawn(case.new, case.answer) < (errs[0] if right else errs[1]))

    cache, missed, done = Cache(embeddings, judge, candidate_from=candidate_from), set[str](), []
    for at in range(0, len(stream), stretch):
        part, before = Stretch(), cache.counts.copy()
        for asked in stream[at : at + stretch]:
            if asked.question in missed:
                continue
            part.lookups += 1
            served, how = await cache.ask(asked.question, answer(asked.topic))
            if served is None:
                missed.add(asked.question)
            else:
                part.hits[str(how)] += 1
                part.wrong[str(how)] += served != answer(asked.topic)
        part.counts = cache.counts - before
        done.append(part)
    return done


def over_shuffles(
    stream: Sequence[Asked], times: int, max_wrong: float, run: Callable[[Sequence[Asked]], list[Stretch]]
) -> dict[str, Any]:
    """The same questions in other orders: in how many are the answers served without a verdict right often enough?

    Args:
        run: asks a stream, told in stretches of some questions: as exactly is known when the first such answer came.
    """
    unjudged, wrong, hits, held, verdicts = 0, 0, 0, 0, list[int]()
    for seed in range(times):
        stretches = run(random.Random(seed).sample(list(stream), len(stream)))
        total = sum(stretches, Stretch())
        alone, bad = total.hits["similarity"], total.wrong["similarity"]
        held += bad <= max_wrong * alone
        unjudged, wrong, hits = unjudged + alone, wrong + bad, hits + total.hits.total()
        if alone:
            before = itertools.takewhile(lambda each: not each.hits["similarity"], stretches)
            verdicts.append(sum(each.counts["judge_calls"] for each in before))
    return {
        "orders": times,
        "orders in which answers were served unjudged": len(verdicts),
        "verdicts until then, median": statistics.median(verdicts) if verdicts else None,
        "bound held": share(held, times),
        "unjudged of hits": share(unjudged, hits),
        "wrong of unjudged": share(wrong, unjudged),
        "delta": max_wrong,
    }


def labels_until_open(wrong: float, max_wrong: float, *, most: int = 20_000, times: int = 9) -> float | None:
    """Labels of pairs without doubts, this share of them wrong, until one is served unjudged; None: not within `most`.

    The median of several random orders.
    """
    needed = []
    for seed in range(times):
        rng, labels, count = random.Random(seed), Labels(), 0
        while count < most and labels.serve_from(max_wrong) is None:
            bad, count = rng.random() < wrong, count + 1
            labels.add(THRESHOLDS[0], "clear", right=not bad, wrong=bad)
        needed.append(count)
    found = statistics.median(needed)
    return found if found < most else None


def _drawn(*texts: str) -> float:
    """A number from 0 to 1 that always is the same for the same texts."""
    digest = hashlib.sha256("\0".join(texts).encode()).digest()
    return math.ldexp(int.from_bytes(digest[:6]), -48)
