"""A stored answer must not carry a detail of one conversation into another."""

from __future__ import annotations

import re

_DETAIL = re.compile(
    r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"  # addresses
    r"|\b(?=\w*\d)\w+(?:[-/.]\w+)*"  # numbers, amounts, references
    r"|(?<=[a-z,;] )[A-Z][\w'’-]+"  # names: a capital inside a sentence
)


def details(text: str) -> set[str]:
    """What in a text may belong to one person: addresses, numbers, references, names."""
    return {found.casefold().strip("'’-.") for found in _DETAIL.findall(text)}


def leaks(answer: str, stored_conversation: str, new_conversation: str) -> set[str]:
    """Details of the conversation an answer was given in that the answer repeats and the new conversation lacks."""
    return (details(answer) & details(stored_conversation)) - details(new_conversation)
