"""Reading JSON leniently.

flyctl's JSON mixes PascalCase and snake_case between commands and versions, lists may be null, and absent
fields are common. Unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Raw = Mapping[str, Any]


def pick(raw: Any, *names: str, default: Any = None) -> Any:
    """The first of `names` that `raw` has a value for, whatever the letter case and underscores."""
    if not isinstance(raw, Mapping):
        return default
    folded = {str(key).replace("_", "").lower(): value for key, value in raw.items()}
    for name in names:
        value = folded.get(name.replace("_", "").lower())
        if value is not None:
            return value
    return default


def rows(raw: Any) -> Iterator[Raw]:
    """The records of a list that may be null."""
    for item in raw or ():
        if isinstance(item, Mapping):
            yield item


def whole(value: Any) -> int | None:
    """`value` as a whole number, or None."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
