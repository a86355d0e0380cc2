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


class Aliases:
    """Reviewed groups of questions with one answer, matched whole and never by likeness.

    Args:
        groups: lists of question texts; each group needs two, and no question may be in two groups.

    Raises:
        ValueError: a group is too small or a question is in two groups.
    """

    def __init__(self, groups: Iterable[Sequence[str]]) -> None:
        self._group: dict[str, str] = {}
        for group in groups:
            members = sorted({normal(question) for question in group})
            if len(members) < 2:
                raise ValueError(f"an alias group needs two different questions: {list(group)}")
            for question in members:
                if question in self._group:
                    raise ValueError(f"this question is in two alias groups: {question!r}")
                self._group[question] = members[0]

    def group(self, question: str) -> str | None:
        """The name of the question's group, or None."""
        return self._group.get(normal(question))
