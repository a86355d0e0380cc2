"""Telling a slip of the keyboard from another word."""

from __future__ import annotations

from functools import cache

from spellchecker import SpellChecker

SHORTEST = 4
TWO_SLIPS_FROM = 8
"""Letters from which a word may hold two slips."""


@cache
def words() -> frozenset[str]:
    """English words as pyspellchecker's frequency list has them (about 160,000 forms, no names of brands)."""
    return frozenset(SpellChecker(language="en", distance=1).word_frequency.words())


def known(word: str) -> bool:
    return word in words()


def slip(one: str, other: str) -> bool:
    """Whether one of two words is most likely the other mistyped.

    Exactly one must be a known word: two known words are two words (form, from), and two unknown ones may be two
    names. The difference is one letter left out, added, changed or swapped with its neighbour; two in long words.
    """
    if min(len(one), len(other)) < SHORTEST or not (one.isalpha() and other.isalpha()):
        return False
    limit = 2 if min(len(one), len(other)) >= TWO_SLIPS_FROM else 1
    if one[0] != other[0] and one[:2] != other[1::-1]:
        return False
    return known(one) != known(other) and distance(one, other, limit) <= limit


def distance(one: str, other: str, limit: int) -> int:
    """Edits between two words, a swap of neighbours being one edit; any number above `limit` means more than that."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        before, last, row = row, before, [i]
        for j, against in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != against))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == against:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
