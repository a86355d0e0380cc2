"""Checks of JSON values, put together from small ones. Each names the field at fault the way OpenAI does.

A check is called with a value and its path and raises `BadRequest` if the value does not fit. None fits everywhere:
OpenAI takes an explicit null for a field that was left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from .errors import BadRequest

Check = Callable[[Any, str], None]

_NAMES = {
    str: "a string", int: "an integer", float: "a decimal", bool: "a boolean",
    dict: "an object", list: "an array", type(None): "null",
}  # fmt: skip
LONGEST_SHOWN = 80


def wrong_type(value: Any, path: str, wanted: str) -> BadRequest:
    """The error for a value of another type than the one wanted."""
    got = _NAMES.get(type(value), "something else")
    return BadRequest(
        f"Invalid type for '{path}': expected {wanted}, but got {got} instead.", param=path, code="invalid_type"
    )


def wrong_value(path: str, words: str) -> BadRequest:
    """The error for a value of the right type that cannot be."""
    return BadRequest(f"Invalid value for '{path}': {words}", param=path, code="invalid_value")


def text(*, longest: int | None = None) -> Check:
    """A string of at most `longest` characters, or of any length."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise wrong_type(value, path, "a string")
        if longest is not None and len(value) > longest:
            raise BadRequest(
                f"Invalid '{path}': string too long. Expected a string with maximum length {longest}, "
                f"but got a string with length {len(value)} instead.",
                param=path,
                code="string_above_max_length",
            )

    return check


def one_of(*words: str) -> Check:
    """One of some strings."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise wrong_type(value, path, "a string")
        if value not in words:
            raise wrong_value(path, f"'{value[:LONGEST_SHOWN]}'. Supported values are: {_listed(words)}.")

    return check


def flag(value: Any, path: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong_type(value, path, "a boolean")


def number(least: float, most: float) -> Check:
    """A number, whole or not, from `least` to `most`, both included."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise wrong_type(value, path, "a decimal")
        _bounded(value, path, least, most)

    return check


def integer(least: int, most: int = 2**63 - 1) -> Check:
    """A whole number from `least` to `most`, both included."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type(value, path, "an integer")
        _bounded(value, path, least, most)

    return check


def anything(value: Any, path: str) -> None:
    """Whatever it is: the provider judges it."""


def items(each: Check, *, most: int, least: int = 0) -> Check:
    """A list of `least` to `most` values, each of which fits."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise wrong_type(value, path, "an array")
        if len(value) > most:
            raise BadRequest(
                f"Invalid '{path}': array too long. Expected an array with maximum length {most}, "
                f"but got an array with length {len(value)} instead.",
                param=path,
                code="array_above_max_length",
            )
        if len(value) < least:
            raise BadRequest(
                f"Invalid '{path}': empty array. Expected an array with minimum length {least}, "
                f"but got an array with length {len(value)} instead.",
                param=path,
                code="empty_array",
            )
        for index, item in enumerate(value):
            if item is None:
                raise wrong_type(item, f"{path}[{index}]", "an object")
            each(item, f"{path}[{index}]")

    return check


def either(*, of_text: Check, of_list: Check) -> Check:
    """A string that fits one check, or a list that fits another."""

    def check(value: Any, path: str) -> None:
        if isinstance(value, str):
            of_text(value, path)
        elif isinstance(value, list):
            of_list(value, path)
        else:
            raise wrong_type(value, path, "one of a string or array")

    return check


def table(*, most: int, key: int, value: Check) -> Check:
    """An object of at most `most` entries, with keys of at most `key` characters and values that fit."""

    def check(given: Any, path: str) -> None:
        if not isinstance(given, dict):
            raise wrong_type(given, path, "an object")
        if len(given) > most:
            raise BadRequest(
                f"Invalid '{path}': too many properties. Expected an object with at most {most} properties, "
                f"but got an object with {len(given)} properties instead.",
                param=path,
                code="object_above_max_properties",
            )
        for name, inner in given.items():
            if len(name) > key:
                raise wrong_value(path, f"a key is longer than {key} characters.")
            value(inner, f"{path}.{name}")

    return check


def fields(known: Mapping[str, Check], *, needed: Collection[str] = ()) -> Check:
    """An object whose named fields fit and which has those that are needed. Other fields are not looked at."""

    def check(value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(value, path, "an object")
        for name in needed:
            if value.get(name) is None:
                raise missing(f"{path}.{name}")
        for name, inner in known.items():
            given = value.get(name)
            if given is not None:
                inner(given, f"{path}.{name}")

    return check


def body(sent: Mapping[str, Any], known: Mapping[str, Check], *, needed: Collection[str] = ()) -> None:
    """Check the top of a request. A field that is not known is refused by name: dropping it would be silent.

    Args:
        sent: the parsed body.
        known: the check of each field that may be there.
        needed: fields that must be there.

    Raises:
        BadRequest: a field is unknown, missing, or does not fit.
    """
    for name, value in sent.items():
        if name not in known:
            raise BadRequest(
                f"Unrecognized request argument supplied: {name[:LONGEST_SHOWN]}",
                param=name[:LONGEST_SHOWN],
                code="unknown_parameter",
            )
        if value is not None:
            known[name](value, name)
    for name in needed:
        if sent.get(name) is None:
            raise missing(name)


def missing(path: str) -> BadRequest:
    """The error for a field that must be there."""
    return BadRequest(f"Missing required parameter: '{path}'.", param=path, code="missing_required_parameter")


def _bounded(value: float, path: str, least: float, most: float) -> None:
    if value < least:
        raise BadRequest(
            f"Invalid '{path}': {_kind(value)} below minimum value. Expected a value >= {least}, "
            f"but got {value} instead.",
            param=path,
            code=f"{_kind(value)}_below_min_value",
        )
    if value > most:
        raise BadRequest(
            f"Invalid '{path}': {_kind(value)} above maximum value. Expected a value <= {most}, "
            f"but got {value} instead.",
            param=path,
            code=f"{_kind(value)}_above_max_value",
        )


def _kind(value: float) -> str:
    return "integer" if isinstance(value, int) else "decimal"


def _listed(words: Collection[str]) -> str:
    *head, last = (f"'{word}'" for word in words)
    return f"{', '.join(head)}, and {last}" if head else last
