"""Lists in pages, by the query parameters ``limit``, ``order`` and ``after``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ops.standins.openai import rules
from ops.standins.openai.errors import invalid

LIMIT = 20
MOST = 100


def page(items: Sequence[Mapping[str, Any]], query: Mapping[str, str]) -> dict[str, Any]:
    """One page of ``items``, which are in the order of their making. Raises ApiError for a wrong query."""
    order = query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise invalid(f"Invalid value: '{order}'. Supported values are: 'asc', and 'desc'.", "order")
    limit = query.get("limit", str(LIMIT))
    if not limit.lstrip("-").isdecimal():
        said = f"Invalid type for 'limit': expected an integer, but got '{limit}' instead."
        raise invalid(said, "limit", "invalid_type")
    rules.within({"limit": int(limit)}, "limit", 1, MOST)
    listed = list(items) if order == "asc" else list(reversed(items))
    if (after := query.get("after")) is not None:
        places = [at for at, item in enumerate(listed) if item["id"] == after]
        if not places:
            raise invalid(f"Item with id '{after}' not found.", "after", None)
        listed = listed[places[0] + 1 :]
    shown = listed[: int(limit)]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else "",
        "last_id": shown[-1]["id"] if shown else "",
        "has_more": len(listed) > len(shown),
    }
