"""Reading fields of JSON that may be missing or of another type.

flyctl's JSON mixes PascalCase and snake_case between commands and versions, lists may be null, and absent
fields are common. Unknown fields are ignored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.services.fly.errors import BAD_ANSWER, FlyError

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


def listed(doing: str, raw: Any, *keys: str) -> list[Raw]:
    """The records of a list that must be there: as it is, or below `keys`; ``null`` is an empty one.

    A page of somebody in between, or another shape, must not pass for "there is none".

    Raises:
        FlyError: FLY-028 it is no list of records.
    """
    found = raw
    for key in keys:
        if not isinstance(found, Mapping) or not any(_fold(name) == _fold(key) for name in found):
            raise _no_list(doing, raw)
        found = pick(found, key)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise _no_list(doing, raw)
    return found


def _fold(name: object) -> str:
    return str(name).replace("_", "").lower()


def _no_list(doing: str, raw: Any) -> FlyError:
    return FlyError(
        BAD_ANSWER,
        f"{doing} gave an answer of another shape than Fly's ({type(raw).__name__})",
        "a proxy or captive portal may stand in between, or the API has changed",
        "open https://api.machines.dev in a browser on this network, then run the same command again",
    )


def whole(value: Any) -> int | None:
    """`value` as a whole number, or None."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
