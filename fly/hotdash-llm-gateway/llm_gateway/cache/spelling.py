"""Telling a slip of the keyboard from another word."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache

from spellchecker import SpellChecker

from . import lexicon

SHORTEST = 4
_WORD = re.compile(r"[^\W\d_]+")
_COMMON = tuple(
    word for word in (*lexicon.QUESTIONS, "there", "have", "does", "please", "could", "would") if len(word) >= SHORTEST
)
TWO_SLIPS_FROM = 8
"""Letters from which a word may hold two slips."""


@cache
def words() -> frozenset[str]:
    """English words as pyspellchecker's frequency list has them (about 160,000 forms, no names of brands)."""
    listed = frozenset(SpellChecker(language="en", distance=1).word_frequency.words())
    return listed | lexicon.NEWER_WORDS | lexicon.CALENDAR


def known(word: str) -> bool:
    """Whether a lower-case word is English, in British or American spelling."""
    return word in words() or american(word) in words()


def english(text: str) -> bool:
    """Whether the lexicon may be applied to a text in lower case.

    At least half of its words are English, and unless all are or there are very few, one of them is a word that only
    English has. Half, because names and slips of the keyboard are in no list of words.
    """
    found = re.findall(r"[^\W\d_]+", text)
    share = sum(map(known, found)) / len(found) if found else 1.0
    return share >= 0.5 and (share == 1.0 or len(found) <= 3 or not lexicon.ONLY_ENGLISH.isdisjoint(found))


@lru_cache(maxsize=16384)
def american(word: str) -> str:
    """The American spelling of a British one."""
    for pattern, becomes in lexicon.SPELLINGS:
        word = pattern.sub(becomes, word)
    return word


def align(one: str, other: str) -> tuple[str, str]:
    """Write words that one text has mistyped as the other text writes them, and mistyped question words right.

    Words written like a name in both texts are left alone: Smith and Smyth are two people.
    """
    return _corrected(one, other), _corrected(other, one)


def _corrected(text: str, model: str) -> str:
    mine, theirs = _WORD.findall(text), _WORD.findall(model)
    have, wanted = {word.casefold() for word in mine}, {word.casefold(): word for word in theirs}
    strange = [
        word for word in mine if len(word) >= SHORTEST and word.casefold() not in wanted and not known(word.casefold())
    ]
    for word in strange:
        bare, named = word.casefold(), _is_name(word, mine)
        free = [
            candidate
            for candidate, written in wanted.items()
            if candidate not in have
            and slip(bare, candidate)
            and not (named and _is_name(written, theirs) and candidate not in lexicon.CALENDAR)
        ]
        found = free or ([] if named else [candidate for candidate in _COMMON if slip(bare, candidate)])
        if len(found) == 1:
            text = re.sub(rf"(?<![^\W\d_]){word}(?![^\W\d_])", found[0], text)
    return text


def _is_name(word: str, words: Iterable[str]) -> bool:
    return word[0].isupper() and word != next(iter(words), "")


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
