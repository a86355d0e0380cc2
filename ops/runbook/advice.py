"""Advice to the operator. The layer above may complete the commands in it, so that they do what is meant as typed."""

from __future__ import annotations

from collections.abc import Callable

_complete: Callable[[str], str] = str


def complete_with(function: Callable[[str], str]) -> None:
    """Have `function` complete the commands in every piece of advice from now on."""
    global _complete
    _complete = function


def advice(text: str) -> str:
    """`text`, its commands completed."""
    return _complete(text)
