"""Limits that OpenAI documents and its types do not show; the same for chat completions and Responses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ops.standins.openai.errors import invalid

NAME = re.compile(r"^[a-zA-Z0-9_-]+$")
NAME_CHARS = 64
TOOLS = 128
METADATA_PAIRS = 16
METADATA_KEY_CHARS = 64
METADATA_VALUE_CHARS = 512
IDENTIFIER_CHARS = 128


def within(body: Mapping[str, Any], name: str, low: float | None = None, high: float | None = None) -> None:
    """Raise ApiError unless the number ``name``, if given, lies from ``low`` to ``high``."""
    value = body.get(name)
    if value is None:
        return
    kind = "integer" if isinstance(value, int) and isinstance(low if low is not None else high, int) else "decimal"
    if low is not None and value < low:
        said = f"Invalid '{name}': {kind} below minimum value. Expected a value >= {low}, but got {value} instead."
        raise invalid(said, name, f"{kind}_below_min_value")
    if high is not None and value > high:
        said = f"Invalid '{name}': {kind} above maximum value. Expected a value <= {high}, but got {value} instead."
        raise invalid(said, name, f"{kind}_above_max_value")


def short(value: str, path: str, high: int) -> None:
    """Raise ApiError when a text is longer than ``high`` characters."""
    if len(value) > high:
        said = (
            f"Invalid '{path}': string too long. Expected a string with maximum length {high}, "
            f"but got a string with length {len(value)} instead."
        )
        raise invalid(said, path, "string_above_max_length")


def few(value: Sequence[Any], path: str, high: int) -> None:
    """Raise ApiError when an array has more than ``high`` items."""
    if len(value) > high:
        said = (
            f"Invalid '{path}': array too long. Expected an array with maximum length {high}, "
            f"but got an array with length {len(value)} instead."
        )
        raise invalid(said, path, "array_above_max_length")


def some(value: Sequence[Any], path: str) -> None:
    """Raise ApiError when an array is empty."""
    if not value:
        said = (
            f"Invalid '{path}': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
        raise invalid(said, path, "empty_array")


def named(value: str, path: str) -> None:
    """Raise ApiError unless ``value`` may name a tool or an output format."""
    if not value:
        said = (
            f"Invalid '{path}': empty string. Expected a string with minimum length 1, but got an empty string instead."
        )
        raise invalid(said, path, "empty_string")
    short(value, path, NAME_CHARS)
    if not NAME.match(value):
        said = (
            f"Invalid '{path}': string does not match pattern. "
            f"Expected a string that matches the pattern '{NAME.pattern}'."
        )
        raise invalid(said, path)


def metadata(body: Mapping[str, Any]) -> None:
    """Raise ApiError for metadata beyond 16 pairs, or with keys or values that are too long."""
    pairs = body.get("metadata") or {}
    if len(pairs) > METADATA_PAIRS:
        said = (
            f"Invalid 'metadata': too many properties. Expected an object with at most {METADATA_PAIRS} properties, "
            f"but got an object with {len(pairs)} properties instead."
        )
        raise invalid(said, "metadata", "object_above_max_properties")
    for key, value in pairs.items():
        short(key, "metadata", METADATA_KEY_CHARS)
        short(value, f"metadata.{key}", METADATA_VALUE_CHARS)


def sampling(body: Mapping[str, Any]) -> None:
    """Raise ApiError for parameters outside the range both endpoints document."""
    within(body, "temperature", 0, 2)
    within(body, "top_p", 0, 1)
    within(body, "top_logprobs", 0, 20)
    if (identifier := body.get("safety_identifier")) is not None:
        short(identifier, "safety_identifier", IDENTIFIER_CHARS)
    metadata(body)
