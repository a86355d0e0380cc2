"""From which similarity an answer is served without a verdict, and from which a verdict is worth asking for.

Both are learned from labels: for a stored question and a new one of some similarity, whether the answer was right. They
are pooled per team; per entry there would never be enough. The bound on wrong answers is an e-process: a likelihood
ratio against "delta or more are wrong" that may be looked at after every label without losing its meaning (Ville's
inequality), so that with probability 1 - ALPHA it never opens a band it should not have opened. It assumes that nearer
questions are not wrong more often; vetoes and doubts (see vetoes.py) take out the pairs of which that is untrue.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

BANDS = 100
"""Similarities from 0 to 1 in steps of 0.01."""
ALPHA = 0.05
ALTERNATIVES = ((0.0, 0.8), (0.125, 0.1), (0.25, 0.06), (0.5, 0.04))
"""Shares of delta that the e-process bets on, each with its stake. With no wrong label it takes 321 for delta 0.01."""
NEIGHBOURS = 2
"""Bands to either side whose labels count for whether asking pays."""
ASK_FROM = 0.2
"""One yes in five verdicts is always worth the asking: a verdict takes a fraction of an answer's time."""

Kind = Literal["clear", "doubt"]
"""Whether a pair has doubts (see vetoes.py): those are never served unjudged, and say nothing about those that are."""


def band(similarity: float) -> int:
    """The band of a similarity."""
    return min(BANDS - 1, max(0, int(similarity * BANDS)))


def evidence(wrong: int, total: int, delta: float) -> float:
    """The e-value against "at least delta of them are wrong": 1/ALPHA or more refutes it."""
    value = 0.0
    for share, stake in ALTERNATIVES:
        if share or not wrong:
            likelihood = wrong * math.log(share or 1.0) + (total - wrong) * math.log((1 - share * delta) / (1 - delta))
            value += stake * math.exp(min(likelihood, 700.0))
    return value


class Labels:
    """Right and wrong answers by band of similarity."""

    def __init__(self) -> None:
        self._right: dict[Kind, list[int]] = {"clear": [0] * BANDS, "doubt": [0] * BANDS}
        self._wrong: dict[Kind, list[int]] = {"clear": [0] * BANDS, "doubt": [0] * BANDS}
        self._serve_from: dict[float, float | None] = {}

    def add(self, at: int, kind: Kind, *, right: int = 0, wrong: int = 0) -> None:
        """Count labels of one band; negative counts take labels back."""
        self._right[kind][at] += right
        self._wrong[kind][at] += wrong
        self._serve_from.clear()

    def __len__(self) -> int:
        return sum(map(sum, (*self._right.values(), *self._wrong.values())))

    def serve_from(self, delta: float) -> float | None:
        """The lowest similarity from which fewer than `delta` of the answers are wrong; None if not known to be so.

        From the nearest band downwards, each step with all labels above it, until one step is not proven. The first
        step is where there are enough labels to prove anything.
        """
        if delta not in self._serve_from:
            self._serve_from[delta] = self._step_down(delta)
        return self._serve_from[delta]

    def _step_down(self, delta: float) -> float | None:
        total, wrong, found = 0, 0, None
        enough = math.log(1 / ALPHA) / -math.log(1 - delta) if 0 < delta < 1 else math.inf
        for at in reversed(range(BANDS)):
            total += self._right["clear"][at] + self._wrong["clear"][at]
            wrong += self._wrong["clear"][at]
            if total < enough:
                continue
            if evidence(wrong, total, delta) * ALPHA < 1:
                break
            found = at / BANDS
        return found

    def worth_asking(self, similarity: float, break_even: float) -> bool:
        """Whether a verdict at this similarity may pay: closed once the share of yes is surely too small.

        Args:
            similarity: of the pair in question.
            break_even: the share of yes from which verdicts cost less than the answers they save.
        """
        near = range(max(0, band(similarity) - NEIGHBOURS), min(BANDS, band(similarity) + NEIGHBOURS + 1))
        yes = self._sum(self._right, near)
        return wilson(yes, yes + self._sum(self._wrong, near), z=1.645)[1] >= min(break_even, ASK_FROM)

    @staticmethod
    def _sum(counts: dict[Kind, list[int]], near: Iterable[int]) -> int:
        return sum(counts[kind][at] for kind in counts for at in near)


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share (E. B. Wilson, 1927); 0 to 1 if nothing was counted."""
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
