"""What OpenAI asks of a JSON Schema that an answer must keep to ("strict")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.standins.openai.errors import ApiError, invalid

# From OpenAI's guide to structured outputs: "supported schemas".
NESTING = 10
PROPERTIES = 5000
ENUM_VALUES = 1000
UNSUPPORTED = frozenset(
    {"allOf", "not", "oneOf", "dependentRequired", "dependentSchemas", "if", "then", "else", "patternProperties"}
)

Place = tuple[str, ...]


def check(schema: Mapping[str, Any], what: str, param: str, code: str | None) -> None:
    """Raise ApiError unless ``schema`` may be used in strict mode.

    Args:
        schema: the JSON Schema given.
        what: what it is for, as OpenAI says it: ``response_format 'name'`` or ``function 'name'``.
        param: the parameter the error names.
        code: the error's code.
    """

    def wrong(place: Place, problem: str) -> ApiError:
        context = "(" + ", ".join(f"'{part}'" for part in place) + ("," if len(place) == 1 else "") + ")"
        return invalid(f"Invalid schema for {what}: In context={context}, {problem}", param, code)

    if schema.get("type") != "object":
        given = schema.get("type")
        said = f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{given}\"'."
        raise invalid(f"Invalid schema for {what}: {said}", param, code)
    properties = values = 0
    for place, depth, one in _walk(schema, (), 1):
        if banned := UNSUPPORTED.intersection(one):
            raise wrong(place, f"'{min(banned)}' is not permitted.")
        if one.get("type") == "array" and "items" not in one:
            raise wrong(place, "array schema missing items.")
        values += len(one.get("enum", ()))
        if one.get("type") == "object" or "properties" in one:
            if depth > NESTING:
                raise wrong(place, f"the schema is nested deeper than {NESTING} levels.")
            if one.get("additionalProperties") is not False:
                raise wrong(place, "'additionalProperties' is required to be supplied and to be false.")
            fields = one.get("properties", {})
            properties += len(fields)
            required = one.get("required", [])
            for field in fields:
                if field not in required:
                    raise wrong(
                        place,
                        "'required' is required to be supplied and to be an array including every key in "
                        f"properties. Missing '{field}'.",
                    )
            for field in required:
                if field not in fields:
                    raise wrong(place, f"'required' names '{field}', which is not in properties.")
    if properties > PROPERTIES or values > ENUM_VALUES:
        raise wrong((), f"a schema may have {PROPERTIES} properties and {ENUM_VALUES} enum values in total.")


def _walk(schema: Any, place: Place, depth: int) -> Iterator[tuple[Place, int, Mapping[str, Any]]]:
    """All object schemas within ``schema`` with their place and the depth of objects around them."""
    if not isinstance(schema, dict):
        return
    yield place, depth, schema
    for key in ("properties", "$defs", "definitions"):
        for name, inner in (schema.get(key) or {}).items():
            yield from _walk(inner, (*place, key, name), depth + (key == "properties"))
    for at, inner in enumerate(schema.get("anyOf") or ()):
        yield from _walk(inner, (*place, "anyOf", str(at)), depth)
    yield from _walk(schema.get("items"), (*place, "items"), depth)
