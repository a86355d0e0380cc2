"""Reviewed groups of questions that a person declared to have the same answer."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"'})


def plain_text(question: str) -> str:
    """A question without what people type differently: case, spacing, kind of quote, closing punctuation."""
    text = unicodedata.normalize("NFKC", question).translate(_QUOTES).casefold()
    return re.sub(r"\s+", " ", text).strip().rstrip("?!. ")


class Aliases:
    """Looks up the group of a question.

    Args:
        groups: lists of question texts; each group needs two, and no question may be in two groups.

    Raises:
        ValueError: a group is too small or a question is in two groups.
    """

    def __init__(self, groups: Iterable[Sequence[str]]) -> None:
        self._group: dict[str, str] = {}
        for group in groups:
            plain = sorted({plain_text(question) for question in group})
            if len(plain) < 2:
                raise ValueError(f"an alias group needs two different questions: {list(group)}")
            for question in plain:
                if question in self._group:
                    raise ValueError(f"this question is in two alias groups: {question!r}")
                self._group[question] = plain[0]

    def group(self, question: str) -> str | None:
        """The name of the question's group, or None."""
        return self._group.get(plain_text(question))
