"""A text that matches a regular expression."""

from __future__ import annotations

import re
from re import _constants, _parser  # type: ignore[attr-defined]
from typing import Any

_CATEGORIES = {
    _constants.CATEGORY_DIGIT: "0",
    _constants.CATEGORY_WORD: "a",
    _constants.CATEGORY_SPACE: " ",
    _constants.CATEGORY_NOT_DIGIT: "a",
    _constants.CATEGORY_NOT_WORD: " ",
    _constants.CATEGORY_NOT_SPACE: "a",
}


def sample(pattern: str) -> str:
    """The shortest text that ``pattern`` describes, as far as it is made of the usual parts.

    Raises ValueError when the pattern is none, or nothing that matches it was found.
    """
    try:
        made = _text(_parser.parse(pattern))
    except re.error as exc:
        raise ValueError(f"not a regular expression: {pattern!r}") from exc
    if re.search(pattern, made) is None:
        raise ValueError(f"no text found for the regular expression {pattern!r}")
    return made


def _text(parts: Any) -> str:
    return "".join(_one(kind, value) for kind, value in parts)


def _one(kind: Any, value: Any) -> str:
    if kind is _constants.LITERAL:
        return chr(value)
    if kind is _constants.IN:
        return _member(value)
    if kind in (_constants.MAX_REPEAT, _constants.MIN_REPEAT):
        return _text(value[2]) * int(value[0])
    if kind is _constants.SUBPATTERN:
        return _text(value[3])
    if kind is _constants.BRANCH:
        return _text(value[1][0])
    if kind is _constants.ANY:
        return "a"
    if kind is _constants.NOT_LITERAL:
        return "a" if value != ord("a") else "b"
    return ""


def _member(choices: Any) -> str:
    if choices[0][0] is _constants.NEGATE:
        return next(char for char in "a0 -_.A" if not any(_matches(choice, char) for choice in choices[1:]))
    kind, value = choices[0]
    if kind is _constants.RANGE:
        return chr(value[0])
    if kind is _constants.CATEGORY:
        return str(_CATEGORIES.get(value, "a"))
    return chr(value)


def _matches(choice: Any, char: str) -> bool:
    kind, value = choice
    if kind is _constants.RANGE:
        return bool(value[0] <= ord(char) <= value[1])
    if kind is _constants.CATEGORY:
        return _CATEGORIES.get(value) == char
    return bool(value == ord(char))
