"""Values that satisfy a JSON Schema, made without chance: what a model would write in their place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ops.standins.openai.patterns import sample

DEPTH = 24
FORMATS = {
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "date": "2026-01-31",
    "duration": "P1D",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "uri": "https://example.com/",
}


def instance(schema: Mapping[str, Any], words: str) -> Any:
    """A value ``schema`` allows; texts without further demands are ``words``.

    All properties of an object are filled in, except where a schema contains itself: there optional
    properties and items are left out. What cannot be satisfied (``not``, contradictions) is not tried.
    """
    return _of(schema, schema, words, 0)


def _of(schema: Any, root: Mapping[str, Any], words: str, depth: int) -> Any:
    if not isinstance(schema, dict):
        return words
    if "$ref" in schema:
        return _of(_target(schema["$ref"], root), root, words, depth + 1)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if parts := schema.get("allOf"):
        merged: dict[str, Any] = {}
        for part in [*parts, {key: value for key, value in schema.items() if key != "allOf"}]:
            while "$ref" in part:
                part = _target(part["$ref"], root)
            joined = {**merged.get("properties", {}), **part.get("properties", {})}
            merged = {**merged, **part, "required": [*merged.get("required", ()), *part.get("required", ())]}
            if joined:
                merged["properties"] = joined
        return _of(merged, root, words, depth)
    for key in ("anyOf", "oneOf"):
        if options := schema.get(key):
            # Deep down the option that ends soonest: a null, if there is one.
            ending = [option for option in options if option.get("type") == "null"]
            return _of((ending or options)[0] if depth > DEPTH // 2 else options[0], root, words, depth)
    return _MAKERS[_kind(schema)](schema, root, words, depth)


def _target(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        if part:
            found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind in _MAKERS:
        return str(kind)
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _object(schema: Mapping[str, Any], root: Mapping[str, Any], words: str, depth: int) -> Any:
    required = schema.get("required", ())
    fields = (schema.get("properties") or {}).items()
    kept = [(name, inner) for name, inner in fields if name in required or depth < DEPTH // 2]
    if depth > DEPTH:
        return {}
    return {name: _of(inner, root, words, depth + 1) for name, inner in kept}


def _array(schema: Mapping[str, Any], root: Mapping[str, Any], words: str, depth: int) -> Any:
    wanted = schema.get("minItems", 0 if depth >= DEPTH // 2 or schema.get("maxItems") == 0 else 1)
    return [_of(schema.get("items"), root, words, depth + 1) for _ in range(wanted if depth < DEPTH else 0)]


def _string(schema: Mapping[str, Any], root: Mapping[str, Any], words: str, depth: int) -> Any:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    if (pattern := schema.get("pattern")) is not None:
        try:
            return words if re.search(pattern, words) else sample(pattern)
        except (ValueError, re.error):
            return words
    made = words.ljust(schema.get("minLength", 0), ".")
    return made[: schema["maxLength"]] if "maxLength" in schema else made


def _number(schema: Mapping[str, Any], root: Mapping[str, Any], words: str, depth: int) -> Any:
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    made = step if low is None else -(-low // step) * step
    if made == schema.get("exclusiveMinimum"):
        made += step
    if high is not None and made > high:
        made = high // step * step
    if made == schema.get("exclusiveMaximum"):
        made -= step
    return int(made) if _kind(schema) == "integer" else float(made)


_MAKERS: dict[str, Callable[[Mapping[str, Any], Mapping[str, Any], str, int], Any]] = {
    "object": _object,
    "array": _array,
    "string": _string,
    "integer": _number,
    "number": _number,
    "boolean": lambda *_: True,
    "null": lambda *_: None,
}
