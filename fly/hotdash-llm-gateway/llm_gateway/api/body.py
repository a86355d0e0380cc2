"""Parsing a request body into a JSON object, and refusing encodings that are not supported."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from . import incremental_json
from .errors import BadRequest

MOST_VALUES = 500_000
"""JSON values of a body, where a list or an object counts as several. A conversation of thousands of turns with a
hundred tools has a tenth of it; what is done with more would hold up others, however it is done."""
DEEPEST = 64
"""Levels of a body. Tools and response formats have a dozen; some hundreds would exhaust what reads them on the way."""


def unreadable(headers: Mapping[str, str]) -> BadRequest | None:
    """Why a body cannot be read as it was sent: a compressed one is refused by name; None if it can."""
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("", "identity"):
        return None
    return BadRequest(
        f"request bodies with Content-Encoding '{encoding[:40]}' are not taken; send the JSON as it is", status=415
    )


def parse(raw: bytes) -> dict[str, Any]:
    """Read a body. Raises BadRequest if it is no JSON object, or one that could not be sent on."""
    try:
        # Decoded here, since json would also take UTF-16 and the bytes of lone surrogates.
        sent = _loaded(raw.decode("utf-8-sig"))
        if b"\\ud" in raw or b"\\uD" in raw:
            json.dumps(sent, ensure_ascii=False).encode()  # A lone surrogate could not be sent on.
    except incremental_json.TooMany:
        raise BadRequest(
            f"the body holds more than {MOST_VALUES} values, "
            f"where a list or an object counts as {incremental_json.INNER}"
        ) from None
    except (ValueError, RecursionError):
        raise BadRequest("We could not parse the JSON body of your request: the body is not valid JSON") from None
    if not isinstance(sent, dict):
        raise BadRequest("the body must be a JSON object")
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _deeper(sent, DEEPEST):
        raise BadRequest(f"the body is nested deeper than {DEEPEST} levels")
    return sent


def _loaded(text: str) -> Any:
    inner = text.count("[") + text.count("{")
    at_most = 1 + text.count(",") + inner * (1 + incremental_json.INNER)
    if at_most <= MOST_VALUES:
        return _DECODER.decode(text)
    # There may be too many, unless they are in texts.
    return incremental_json.loads(text.encode(), DEEPEST, most=MOST_VALUES, decoder=_DECODER)


def _not_json(word: str) -> None:
    raise ValueError(word)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # 1e999 and the like, which JSON has no way to write again.
        raise ValueError(text[:40])
    return value


def _deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects are nested in more than so many levels. Without recursion: that is bounded here."""
    layer = [value]
    for _ in range(levels):
        inner = [item for each in layer for item in (each.values() if isinstance(each, dict) else each)]
        layer = [item for item in inner if isinstance(item, dict | list)]
        if not layer:
            return False
    return True


_DECODER = json.JSONDecoder(parse_constant=_not_json, parse_float=_finite)
