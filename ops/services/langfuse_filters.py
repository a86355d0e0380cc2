"""Conditions on the gateway's traces, in the filter language of Langfuse's APIs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

TYPES = ["GENERATION", "EMBEDDING"]
"""What requests are traced as."""
Filter = dict[str, Any]


def tagged(teams: Sequence[str]) -> Filter:
    """Requests of these teams."""
    value = [f"team:{team}" for team in teams]
    return {"column": "tags", "type": "arrayOptions", "operator": "any of", "value": value}


def untagged(teams: Sequence[str]) -> Filter:
    """Requests of others than these teams."""
    return {**tagged(teams), "operator": "none of"}


def is_(column: str, value: str) -> Filter:
    """A column that has this value."""
    return {"column": column, "type": "string", "operator": "=", "value": value}


def among(column: str, values: list[str]) -> Filter:
    """A column that has one of these values."""
    return {"column": column, "type": "stringOptions", "operator": "any of", "value": values}


def metadata(key: str, value: str) -> Filter:
    """Traces whose metadata say this."""
    return {"column": "metadata", "type": "stringObject", "key": key, "operator": "=", "value": value}


HITS = (metadata("cache_hit", "true"), among("level", ["DEFAULT"]))
"""Answers from a cache."""
UNCACHED = (metadata("cache_hit", "false"), among("level", ["DEFAULT"]))
"""Answers that no cache gave, of requests that one could have answered."""
