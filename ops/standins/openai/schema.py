"""Checks a request body against a schema made by `contract` and says what is wrong as OpenAI does."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ops.standins.openai.errors import ApiError, invalid, missing, unknown

SCHEMAS = Path(__file__).with_name("schemas")
NAMES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a decimal",
    "boolean": "a boolean",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
# Fields by which OpenAI's unions are told apart.
TAGS = ("role", "type")


def type_of(value: object) -> str:
    """The JSON type of a decoded value."""
    if value is None:
        return "null"
    kinds = ((bool, "boolean"), (int, "integer"), (float, "number"), (str, "string"), (list, "array"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "object")


@functools.cache
def load(endpoint: str) -> Contract:
    """The contract of an endpoint, a key of ``contract.REQUESTS``."""
    return Contract(msgspec.json.decode((SCHEMAS / f"{endpoint}.json").read_bytes()))


class Contract:
    """A schema one can check bodies against."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._definitions = schema["$defs"]

    def unknown(self, body: Mapping[str, Any]) -> list[str]:
        """The arguments of ``body`` that the endpoint does not have."""
        return [name for name in body if name not in self._schema["properties"]]

    def check(self, body: object) -> None:
        """Raise ApiError for the first thing in ``body`` that OpenAI would refuse."""
        self._check(self._schema, body, "")

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self._definitions[schema["$ref"].removeprefix("#/$defs/")]
        return schema

    def _options(self, schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        schema = self._resolved(schema)
        if "anyOf" not in schema:
            return [schema]
        return [option for one in schema["anyOf"] for option in self._options(one)]

    def _check(self, schema: Mapping[str, Any], value: object, path: str) -> None:
        options = self._options(schema)
        fitting = [option for option in options if _fits_type(option, value)]
        if not fitting:
            raise _wrong_type(options, value, path)
        if len(fitting) > 1 and isinstance(value, dict):
            fitting = self._by_tag(fitting, value, path)
        enums = [option["enum"] for option in fitting if "enum" in option]
        if enums and len(enums) == len(fitting):
            known = [item for enum in enums for item in enum]
            if value not in known:
                raise _wrong_value(known, value, path)
            return
        errors = []
        for option in fitting:
            try:
                self._check_one(option, value, path)
            except ApiError as exc:
                errors.append((self._passing(option, value, path), len(exc.param or ""), exc))
            else:
                return
        # What is wrong is told by the option that fits best, where it is wrong deepest.
        raise max(errors, key=lambda error: error[:2])[2]

    def _passing(self, schema: Mapping[str, Any], value: object, path: str) -> int:
        """How many fields of ``value`` a schema of objects allows."""
        passing = 0
        for name, item in value.items() if isinstance(value, dict) else ():
            with contextlib.suppress(ApiError, KeyError):
                self._check(schema["properties"][name], item, _join(path, name))
                passing += 1
        return passing

    def _check_one(self, schema: Mapping[str, Any], value: object, path: str) -> None:
        if "enum" in schema:
            if value not in schema["enum"]:
                raise _wrong_value(schema["enum"], value, path)
        elif isinstance(value, dict):
            self._check_object(schema, value, path)
        elif isinstance(value, list) and schema.get("items"):
            for at, item in enumerate(value):
                self._check(schema["items"], item, f"{path}[{at}]")

    def _check_object(self, schema: Mapping[str, Any], value: Mapping[str, Any], path: str) -> None:
        properties = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        for name in schema.get("required", ()):
            if name not in value:
                raise missing(_join(path, name))
        for name, item in value.items():
            if name in properties:
                self._check(properties[name], item, _join(path, name))
            elif others is False:
                raise unknown(_join(path, name))
            elif isinstance(others, dict):
                self._check(others, item, _join(path, name))

    def _by_tag(self, options: list[Mapping[str, Any]], value: Mapping[str, Any], path: str) -> list[Mapping[str, Any]]:
        """Those of ``options`` whose ``type`` and ``role`` are those of ``value``."""
        for tag in TAGS:
            known = [self._tags(option, tag) for option in options]
            if not any(known):
                continue
            if tag in value:
                kept = [
                    option
                    for option, tags in zip(options, known, strict=True)
                    if (_among(value[tag], tags) if tags else _may_have(option, tag))
                ]
                if not kept:
                    every = [item for tags in known for item in tags]
                    raise _wrong_value(every, value[tag], _join(path, tag))
            else:
                kept = [option for option in options if tag not in option.get("required", ())]
                if not kept:
                    raise missing(_join(path, tag))
            options = kept
        return options

    def _tags(self, option: Mapping[str, Any], tag: str) -> list[Any]:
        schema = option.get("properties", {}).get(tag)
        if schema is None:
            return []
        return [item for one in self._options(schema) for item in one.get("enum", ())]


def _among(value: object, known: Sequence[object]) -> bool:
    return any(value == item and isinstance(value, bool) == isinstance(item, bool) for item in known)


def _may_have(option: Mapping[str, Any], name: str) -> bool:
    return name in option.get("properties", {}) or option.get("additionalProperties", True) is not False


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _fits_type(schema: Mapping[str, Any], value: object) -> bool:
    if "enum" in schema:
        return type_of(value) in {type_of(item) for item in schema["enum"]}
    wanted = schema.get("type")
    if wanted is None:
        return True
    kinds = [wanted] if isinstance(wanted, str) else wanted
    given = type_of(value)
    return given in kinds or (given == "integer" and "number" in kinds)


def _article(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return NAMES[type_of(schema["enum"][0])]
    wanted = schema["type"]
    return NAMES[wanted if isinstance(wanted, str) else wanted[0]]


def _wrong_type(options: Sequence[Mapping[str, Any]], value: object, path: str) -> ApiError:
    kinds = list(dict.fromkeys(_article(option) for option in options if option.get("type") != "null"))
    expected = kinds[0] if len(kinds) == 1 else f"one of {', '.join(kinds[:-1])} or {kinds[-1]}"
    given = NAMES[type_of(value)]
    return invalid(f"Invalid type for '{path}': expected {expected}, but got {given} instead.", path, "invalid_type")


def _wrong_value(known: Sequence[object], value: object, path: str) -> ApiError:
    if not isinstance(value, str):
        kinds = {NAMES[type_of(item)] for item in known}
        if NAMES[type_of(value)] not in kinds:
            expected = " or ".join(sorted(kinds))
            said = f"Invalid type for '{path}': expected {expected}, but got {NAMES[type_of(value)]} instead."
            return invalid(said, path, "invalid_type")
    names = [f"'{item}'" for item in dict.fromkeys(str(item) for item in known)]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])}, and {names[-1]}"
    return invalid(f"Invalid value: '{value}'. Supported values are: {listed}.", path)
