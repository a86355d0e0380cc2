"""What an operator is told to do next. A layer above may complete the commands in it, e.g. by the target's option."""

from __future__ import annotations

from collections.abc import Callable

_complete: Callable[[str], str] = str


def complete_with(function: Callable[[str], str]) -> None:
    """From now on, complete the commands in every piece of advice with `function`: the text before, the text after."""
    global _complete
    _complete = function


def advice(text: str) -> str:
    """A text that tells an operator what to do, with its commands completed, for instance by ``--target fly``."""
    return _complete(text)
