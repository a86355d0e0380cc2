"""What makes two requests of the Responses API the same. Only for requests with no state at the provider."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .keys import IRRELEVANT, CacheKey, digest, end_user

_OWN = frozenset({"include", "stream"})
"""Fields that decide what an answer shows, so they count although the chat API's field of that name would not."""


def response_key(body: Mapping[str, Any], *, team: str, model: str, per_user: bool) -> CacheKey:
    """The key under which the answer to exactly this request is kept; arguments as for `exact_key`."""
    counted = {name: value for name, value in body.items() if name not in IRRELEVANT or name in _OWN}
    said = json.dumps(counted, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return CacheKey(team, digest("responses", team, end_user(body) if per_user else "", model, said))
