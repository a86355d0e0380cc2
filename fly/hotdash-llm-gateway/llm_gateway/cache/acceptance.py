"""The similarity thresholds of the semantic cache: to serve without a verdict, and to ask the judge at all.

Both are learned from labels: for a stored question and a new one of some similarity, whether the answer was right. They
are pooled per team; per entry there would never be enough. Each threshold that may open has an e-process of its own: a
likelihood ratio against "delta or more of what lies above it is wrong", which may be looked at after every label
without losing its meaning (Ville's inequality). All together, with probability 1 - ALPHA, none of them ever opens that
should not.
"""

from __future__ import annotations

import math
from typing import Literal

BANDS = 100
"""Similarities from 0 to 1 in steps of 0.01."""
THRESHOLDS = (0.95, 0.9, 0.85, 0.8, 0.7, 0.6)
ALPHA = 0.05
ALTERNATIVES = ((0.0, 0.8), (0.125, 0.1), (0.25, 0.06), (0.5, 0.04))
"""Shares of delta that the e-process bets on, each with its stake. With no wrong label above a threshold
it takes 499 for delta 0.01 until the first one opens."""
ENOUGH, FEWEST = 300, 50
"""Labels above a threshold without which it stays closed; and how many more than the one above it."""
NEIGHBOURS = 2
"""Bands to either side whose labels count for whether asking pays."""
ASK_FROM = 0.2
"""One yes in five verdicts is always worth the asking: a verdict takes a fraction of an answer's time."""

Kind = Literal["clear", "doubt"]
"""Whether a pair has doubts (see vetoes.py): those are never served unjudged, and say nothing about those that are."""


def band(similarity: float) -> int:
    """The number of the band, 0 to 99, that a cosine similarity belongs to."""
    return min(BANDS - 1, max(0, int(similarity * BANDS + 1e-9)))


def evidence(wrong: int, total: int, delta: float) -> float:
    """The e-value against "at least delta of them are wrong": from 1/level up it is refuted at that level.

    Args:
        wrong, total: number of wrong answers, and of all answers checked.
        delta: a share, between 0 and 1.
    """
    if total <= 0:
        return 0.0
    value = 0.0
    for share, stake in ALTERNATIVES:
        if share or not wrong:
            likelihood = wrong * math.log(share or 1.0) + (total - wrong) * math.log((1 - share * delta) / (1 - delta))
            value += stake * math.exp(min(likelihood, 700.0))
    return value


class Labels:
    """Right and wrong answers by similarity."""

    def __init__(self) -> None:
        self._right, self._wrong = [0] * BANDS, [0] * BANDS
        self._above = {threshold: [0, 0] for threshold in THRESHOLDS}
        """Right and wrong from each threshold up, pairs without doubts only."""

    def add(self, similarity: float, kind: Kind, *, right: int = 0, wrong: int = 0) -> None:
        """Count answers that were checked, at the cosine similarity that led to them; negative counts undo that."""
        at = band(similarity)
        self._right[at] += right
        self._wrong[at] += wrong
        for threshold, counts in self._above.items():
            if kind == "clear" and at >= band(threshold):
                counts[0] += right
                counts[1] += wrong

    def __len__(self) -> int:
        return sum(self._right) + sum(self._wrong)

    def serve_from(self, delta: float) -> float | None:
        """The lowest similarity from which fewer than `delta` of the answers are wrong; None if none is known to be so.

        `delta` is a share, 0 to 1. Each threshold has an equal part of ALPHA, and hands it on to the next lower one
        when it opens: a fallback procedure, which keeps the whole at ALPHA however the thresholds depend on each other.
        """
        found, level, counted = None, 0.0, 0
        for threshold, (right, wrong) in self._above.items():
            level, total = level + ALPHA / len(THRESHOLDS), right + wrong
            if total >= max(ENOUGH, counted + FEWEST) and evidence(wrong, total, delta) * level >= 1:
                found, counted = threshold, total
            else:
                level = 0.0
        return found

    def yes_at_most(self, similarity: float) -> float:
        """The share of verdicts at about this similarity that may be a yes: with 95% it is no larger."""
        at = band(similarity)
        near = slice(max(0, at - NEIGHBOURS), at + NEIGHBOURS + 1)
        yes, no = sum(self._right[near]), sum(self._wrong[near])
        return wilson(yes, yes + no, z=1.645)[1]


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share (E. B. Wilson, 1927), as two shares: 0 and 1 if nothing was counted.

    Args:
        hits, total: number of those that count, and of all.
        z: of the normal distribution; 1.96 is 95%.
    """
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
