"""Schemas in strict mode, and values made from schemas."""

from __future__ import annotations

import random
from typing import Any

import jsonschema
import pytest

from ops.standins.openai import instances, patterns, strict
from ops.standins.openai.errors import ApiError
from tests.standins.openai.ask import ORDER


def thing(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


TREE = {**thing(value={"type": "string"}, children={"type": "array", "items": {"$ref": "#"}})}
LIST = {
    **thing(head={"$ref": "#/$defs/node"}),
    "$defs": {"node": thing(next={"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]})},
}


def deep(levels: int) -> dict[str, Any]:
    return thing(leaf={"type": "string"}) if levels == 1 else thing(inner=deep(levels - 1))


@pytest.mark.parametrize("schema", [ORDER, TREE, LIST, deep(10), thing(a={"type": ["string", "null"]})])
def test_schemas_of_the_guide_are_taken(schema: dict[str, Any]) -> None:
    strict.check(schema, "response_format 'x'", "response_format", None)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "array", "items": {}}, "'type: \"object\"'"),
        ({"anyOf": [thing()]}, "'type: \"object\"'"),
        ({**thing(a={"type": "string"}), "additionalProperties": True}, "In context=(), 'additionalProperties'"),
        ({**thing(a={"type": "string"}), "required": []}, "Missing 'a'"),
        ({**thing(), "required": ["b"]}, "'b', which is not in properties"),
        (thing(a={"type": "object"}), "In context=('properties', 'a'), 'additionalProperties'"),
        (thing(a={"type": "array"}), "array schema missing items"),
        (thing(a={"type": "array", "items": {"type": "object"}}), "('properties', 'a', 'items')"),
        (thing(a={"oneOf": [{"type": "string"}]}), "'oneOf' is not permitted"),
        (thing(a={"anyOf": [{"type": "object"}]}), "('properties', 'a', 'anyOf', '0')"),
        ({**thing(), "$defs": {"x": {"type": "object"}}}, "('$defs', 'x')"),
        (deep(11), "deeper than 10"),
        (thing(a={"enum": list(range(1001))}), "1000 enum values"),
    ],
)
def test_schemas_outside_the_guide_are_refused(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(ApiError) as caught:
        strict.check(schema, "response_format 'x'", "response_format", None)
    assert said in caught.value.message
    assert caught.value.status == 400


def random_schema(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    """A schema of the sorts that structured outputs allow."""
    kinds = ["string", "integer", "number", "boolean", "enum", "const", "pattern", "format", "null"]
    kind = rng.choice(kinds if depth > 3 else [*kinds, "object", "object", "array", "anyOf", "optional"])
    if kind == "object" or depth == 0:
        return thing(**{f"f{at}": random_schema(rng, depth + 1) for at in range(rng.randint(0, 4))})
    low = rng.randint(-50, 50)
    step = rng.choice([1, 2, 5])
    made: dict[str, dict[str, Any]] = {
        "string": {"type": "string", "minLength": rng.randint(0, 3), "maxLength": rng.randint(3, 9)},
        "integer": {"type": "integer", "minimum": low, "maximum": low + 9, "multipleOf": step},
        "number": {"type": "number", "exclusiveMinimum": low, "exclusiveMaximum": low + 20},
        "boolean": {"type": ["boolean", "null"]},
        "enum": {"enum": rng.sample(["a", 5, None, True, 2.5], 3)},
        "const": {"const": rng.choice(["x", 7])},
        "pattern": {"type": "string", "pattern": rng.choice([r"^[a-f]{3}-\d+$", r"^(cat|dog)s?$", r"^[^a]\S\.$"])},
        "format": {"type": "string", "format": rng.choice(["date", "uuid", "email", "ipv4"])},
        "null": {"type": "null"},
    }
    if kind == "array":
        return {"type": "array", "items": random_schema(rng, depth + 1), "minItems": rng.randint(0, 3)}
    if kind in ("anyOf", "optional"):
        other = {"type": "null"} if kind == "optional" else random_schema(rng, depth + 1)
        return {"anyOf": [random_schema(rng, depth + 1), other]}
    return made[kind]


@pytest.mark.parametrize("seed", range(300))
def test_a_value_made_satisfies_its_schema(seed: int) -> None:
    schema = random_schema(random.Random(seed))
    checker = jsonschema.FormatChecker()
    value = instances.instance(schema, "What is it?")
    jsonschema.Draft202012Validator(schema, format_checker=checker).validate(value)


@pytest.mark.parametrize("schema", [ORDER, TREE, LIST])
def test_a_value_of_a_schema_that_refers_to_itself_ends(schema: dict[str, Any]) -> None:
    jsonschema.validate(instances.instance(schema, "words"), schema)


def test_all_of_is_joined() -> None:
    schema = {
        "allOf": [{"$ref": "#/$defs/a"}, {"properties": {"b": {"type": "integer"}}, "required": ["b"]}],
        "$defs": {"a": {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}},
    }
    assert instances.instance(schema, "x") == {"a": 1, "b": 1}


def test_a_pattern_that_nothing_matches_is_said() -> None:
    with pytest.raises(ValueError, match="no text found"):
        patterns.sample(r"^a(?=b)$")
    with pytest.raises(ValueError, match="not a regular expression"):
        patterns.sample("(")
