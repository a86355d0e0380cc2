"""Whether two questions differ in anything an answer could hang on.

The rule is one: take off what is known to carry nothing, write what is known to mean the same in one way, and
whatever is then left must be equal, in order. Two questions that pass have the same kind, numbers, negations, names,
quantifiers, comparisons and subject matter; everything unknown to the lexicon counts as a difference.
"""

from __future__ import annotations

from dataclasses import dataclass

from . import lexicon
from .reading import Reading, read
from .spelling import slip


@dataclass(frozen=True)
class Difference:
    """How two questions differ.

    Attributes:
        forbids: contradictions no judge is asked about: other numbers, codes or quoted texts on both sides.
        doubts: what a lexical comparison cannot decide; a judge may.
    """

    forbids: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def compare(stored: str, new: str) -> Difference:
    """Compare two questions. Symmetric."""
    one, two = read(stored), read(new)
    forbids = [
        what
        for what, left, right in (
            ("numbers", one.numbers, two.numbers),
            ("codes", one.codes, two.codes),
            ("quotes", one.quotes, two.quotes),
        )
        if set(left) - set(right) and set(right) - set(left)
    ]
    doubts = []
    if one.kind != two.kind:
        doubts.append("kind")
    if sorted(one.numbers) != sorted(two.numbers):
        doubts.append("numbers")
    if one.codes != two.codes:
        doubts.append("codes")
    if one.quotes != two.quotes:
        doubts.append("quotes")
    left, right = _unmatched(one, two)
    if left or right:
        rest = {*left, *right}
        doubts.append("negation" if rest & lexicon.NEGATIONS else "words")
    elif not doubts and not _same_order(one, two):
        doubts.append("order")
    if not one.words and not two.words and stored.strip().casefold() != new.strip().casefold():
        doubts.append("words")  # Nothing left to compare: such a question means what its context says.
    return Difference(tuple(forbids), tuple(doubts))


def _unmatched(one: Reading, two: Reading) -> tuple[list[str], list[str]]:
    """Words of each side without a partner on the other, repeated words counted."""
    left, right = list(zip(one.words, one.raw, strict=True)), list(zip(two.words, two.raw, strict=True))
    for pair in list(left):
        partner = next((other for other in right if other[0] == pair[0]), None)
        if partner is not None:
            left.remove(pair)
            right.remove(partner)
    for pair in list(left):
        partner = next((other for other in right if _slip(pair, other, one, two)), None)
        if partner is not None:
            left.remove(pair)
            right.remove(partner)
    return [word for word, _ in left], [word for word, _ in right]


def _slip(pair: tuple[str, str], other: tuple[str, str], one: Reading, two: Reading) -> bool:
    if pair[1] in one.names and other[1] in two.names and not {pair[1], other[1]} & lexicon.CALENDAR:
        return False  # Smith and Smyth are two people.
    return slip(pair[1], other[1])


def _same_order(one: Reading, two: Reading) -> bool:
    if len(one.words) != len(two.words):
        return False
    return all(
        a == b or _slip((a, raw_a), (b, raw_b), one, two)
        for a, b, raw_a, raw_b in zip(one.words, two.words, one.raw, two.raw, strict=True)
    )
