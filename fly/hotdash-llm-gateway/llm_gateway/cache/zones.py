"""Serve, judge or miss: what a stored question that resembles the new one is good for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .guards import compare

Zone = Literal["serve", "judge", "miss"]


@dataclass(frozen=True)
class Thresholds:
    """Cosines, of the embedding model in use, from which a stored question is served or worth a verdict.

    They only narrow the search: whether two questions mean the same is for the guards and the judge to say.
    """

    serve_at: float
    judge_at: float


@dataclass(frozen=True)
class Decision:
    zone: Zone
    reasons: tuple[str, ...] = ()
    """What kept the pair from being served, for the trace."""


def decide(stored: str, new: str, similarity: float, thresholds: Thresholds, *, same_history: bool = True) -> Decision:
    """Choose the zone for a stored question.

    Args:
        stored: the question an answer is kept for.
        new: the question just asked.
        similarity: cosine of their embeddings.
        same_history: whether the conversations before them are the same; if not, only a judge may serve.
    """
    if similarity < min(thresholds.serve_at, thresholds.judge_at):
        return Decision("miss", ("similarity",))
    difference = compare(stored, new)
    if difference.forbids:
        return Decision("miss", difference.forbids)
    if not difference.doubts and same_history and similarity >= thresholds.serve_at:
        return Decision("serve")
    if similarity >= thresholds.judge_at:
        return Decision("judge", difference.doubts if same_history else (*difference.doubts, "history"))
    return Decision("miss", (*difference.doubts, "similarity"))
