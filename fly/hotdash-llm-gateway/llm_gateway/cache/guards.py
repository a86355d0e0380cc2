"""Whether two questions differ in anything an answer could hang on.

The rule is one: take off what is known to carry nothing, write what is known to mean the same in one way, and
whatever is then left must be equal, in order. Two questions that pass have the same kind, numbers, negations, names,
quantifiers, comparisons and subject matter; everything unknown to the lexicon counts as a difference.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from . import lexicon
from .reading import Reading, read
from .spelling import align

LONGEST_COMPARED = 1000
"""Characters. The time a comparison takes grows faster than the texts, and nobody else is served meanwhile."""


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
    if stored.strip() == new.strip():
        return Difference()
    if max(len(stored), len(new)) > LONGEST_COMPARED:
        return Difference(doubts=("length",))
    one, two = (read(text) for text in align(stored, new))
    forbids = [
        what
        for what, left, right in (
            ("numbers", one.numbers, two.numbers),
            ("codes", one.codes, two.codes),
            ("quotes", one.quotes, two.quotes),
        )
        if Counter(left) - Counter(right) and Counter(right) - Counter(left)
    ]
    doubts = []
    if one.kind != two.kind:
        doubts.append("kind")
    if one.past != two.past:
        doubts.append("tense")
    if _modal(one, two) or _modal(two, one):
        doubts.append("modality")
    if _clash(one.persons, two.persons) or _clash(tuple(sorted(one.owners)), tuple(sorted(two.owners))):
        doubts.append("person")
    if sorted(one.numbers) != sorted(two.numbers):
        doubts.append("numbers")
    if one.codes != two.codes:
        doubts.append("codes")
    if one.quotes != two.quotes:
        doubts.append("quotes")
    rest = _unmatched(one, two)
    if rest:
        doubts.append("negation" if rest & lexicon.NEGATIONS else "words")
    elif not doubts and not _same_order(one, two):
        doubts.append("order")
    elif not doubts and not _same_links(one, two):
        doubts.append("relation")
    if not one.words and not two.words and stored.strip().casefold() != new.strip().casefold():
        doubts.append("words")  # Nothing left to compare: such a question means what its context says.
    return Difference(tuple(forbids), tuple(doubts))


def _unmatched(one: Reading, two: Reading) -> set[str]:
    """Words of either side without a partner on the other, repeated words counted."""
    left, right = Counter(one.words), Counter(two.words)
    return set((left - right) + (right - left))


def _same_order(one: Reading, two: Reading) -> bool:
    """Whether the words come in the same order. Two plain words may trade places (venue parking)."""
    if one.words == two.words:
        return True
    movable = len(one.words) == 2 and one.kind not in ("who", "say") and not one.numbers
    return movable and not set(one.words) & (one.names | two.names)


def _modal(one: Reading, two: Reading) -> bool:
    """Whether the first asks for a possibility and the second for another thing (can it, will it, does it)."""
    either_way = one.kind in _EITHER_WAY or (one.kind == "do" and "you" in one.persons)
    return one.modal == "can" != two.modal and (two.modal == "will" or not either_way)


_EITHER_WAY = ("how", "where", "what", "can", "say")
"""Kinds in which "can I" and "do I" ask the same; so do "can you" and "do you" in all."""


def _clash(one: tuple[str, ...], two: tuple[str, ...]) -> bool:
    """Whether each names a person that the other does not, or both the same two the other way round."""
    if not one or not two:
        return False
    if not set(one) <= set(two) and not set(two) <= set(one):
        return True
    return set(one) == set(two) and len(set(one)) > 1 and one[0] != two[0]


def _same_links(one: Reading, two: Reading) -> bool:
    """Whether no word hangs on prepositions that say different things: with my dog, for my dog."""
    left, right = _links(one), _links(two)
    return all(
        all(_compatible(a, b) for a, b in zip(left[word], right[word], strict=True))
        for word in left
        if len(left[word]) == len(right.get(word, ()))
    )


def _links(reading: Reading) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for word, link in zip(reading.words, reading.links, strict=False):
        found.setdefault(word, []).append(link)
    return found


def _compatible(one: str, two: str) -> bool:
    return one == two or ("" in (one, two) and not {one, two} & {"with", "about", "as"})
