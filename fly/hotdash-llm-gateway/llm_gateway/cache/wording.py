"""Normalising questions, and groups of questions that a person declared equivalent."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'})
_CLOSING = re.compile(r"(?<=[^\W\d_])[\s?!.。？！؟…]+$")
"""Punctuation at the end, after a letter: behind a digit or a sign it may mean something (5!, C++)."""


def normal(question: str) -> str:
    """A question without what cannot change its meaning in any language.

    Kind of apostrophe, spaces (within one line), closing punctuation after a letter, and the case of the first letter.
    All other capitals stay: "the US" is not "the us".
    """
    text = unicodedata.normalize("NFC", question).translate(_QUOTES).strip()
    if "\n" not in text:
        text = re.sub(r"\s+", " ", text)
    text = _CLOSING.sub("", text)
    capital = text[:1].isupper() and not text[1:2].isupper()
    return text[:1].lower() + text[1:] if capital else text


def group_of(groups: Iterable[Sequence[str]]) -> dict[str, str]:
    """The group of each question, in its normal form, that a person reviewed; matched whole and never by likeness.

    Args:
        groups: lists of questions with one answer; each needs two, and no question may be in two of them.

    Raises:
        ValueError: a group is too small or a question is in two groups.
    """
    found: dict[str, str] = {}
    for group in groups:
        members = sorted({normal(question) for question in group})
        if len(members) < 2:
            raise ValueError(f"an alias group needs two different questions: {list(group)}")
        if twice := found.keys() & members:
            raise ValueError(f"this question is in two alias groups: {min(twice)!r}")
        found |= dict.fromkeys(members, members[0])
    return found
