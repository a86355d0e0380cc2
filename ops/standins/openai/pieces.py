"""Texts in the pieces in which a stream brings them."""

from __future__ import annotations

import re


def words(text: str) -> list[str]:
    """``text`` word by word, each with the space before it."""
    return re.findall(r"\s*\S+|\s+$", text)


def arguments(text: str, size: int = 16) -> list[str]:
    """The arguments of a call, cut without regard to words, as OpenAI streams them."""
    return [text[at : at + size] for at in range(0, len(text), size)] or [""]


def padding(piece: str) -> str:
    """What makes deltas of similar length, so that their size tells nothing: the field ``obfuscation``."""
    return "x" * (16 - len(piece) % 16)
