"""JSON Schemas of OpenAI's requests, made from the request types of its official Python SDK.

``python -m ops.standins.openai.contract`` writes them anew into ``schemas/``; it needs the package ``openai``,
which the running stand-in does not. The SDK's types are generated from OpenAI's published description.
"""

from __future__ import annotations

import importlib
import json
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Schema = dict[str, Any]
SCHEMAS = Path(__file__).with_name("schemas")
# Endpoint to module and type below openai.types. Where there are two types, one is for streams.
REQUESTS = {
    "chat_completions": ("chat.completion_create_params", "CompletionCreateParams"),
    "responses": ("responses.response_create_params", "ResponseCreateParams"),
    "embeddings": ("embedding_create_params", "EmbeddingCreateParams"),
    "moderations": ("moderation_create_params", "ModerationCreateParams"),
    "conversations": ("conversations.conversation_create_params", "ConversationCreateParams"),
    "conversation_update": ("conversations.conversation_update_params", "ConversationUpdateParams"),
    "conversation_items": ("conversations.item_create_params", "ItemCreateParams"),
}
# Fields that travel in the query, not in the body.
QUERY = {"conversation_items": ("include",)}
# Taken by OpenAI and named by no request type: its own answer sent back with its annotations, and the name of a tool
# beside its result, which LangChain sends.
TAKEN_TOO: dict[str, Schema] = {
    "ChatCompletionAssistantMessageParam": {"annotations": {"type": ["array", "null"], "items": {}}},
    "ChatCompletionToolMessageParam": {"name": {"type": "string"}},
}
# The description calls these required; the service fills them in, and OpenAI's own examples leave them out.
FILLED_IN = {
    "FunctionToolParam": ("parameters", "strict"),
    "ResponseOutputMessageParam": ("id", "status", "type"),
    "ResponseInputImageParam": ("detail",),
    "ResponseOutputTextParam": ("annotations",),
}
PRIMITIVES = {str: "string", bool: "boolean", int: "integer", float: "number"}


class _Maker:
    """Turns types into schemas; the named ones are collected in ``definitions``."""

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """The schema of one type. Raises TypeError for a type of an unforeseen sort."""
        if kind is Any or kind is object:
            return {}
        if kind in PRIMITIVES:
            return {"type": PRIMITIVES[kind]}
        if kind is type(None):
            return {"type": "null"}
        if isinstance(kind, type) and hasattr(kind, "__total__"):
            return self._named(kind)
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        if origin is typing.Annotated:
            return self.of(args[0])
        if origin is typing.Literal:
            return {"enum": list(args)}
        if origin in (dict, Mapping) or getattr(origin, "__name__", "") == "Mapping":
            return {"type": "object", "additionalProperties": self.of(args[1])} if args else {"type": "object"}
        if origin in (list, Iterable) or getattr(origin, "__name__", "") in ("Iterable", "SequenceNotStr", "Sequence"):
            return {"type": "array", "items": self.of(args[0])}
        if origin is typing.Union or getattr(origin, "__name__", "") == "UnionType":
            return _union([self.of(arg) for arg in args])
        raise TypeError(f"no schema for {kind!r}")

    def _named(self, kind: type) -> Schema:
        name = f"{kind.__module__.removeprefix('openai.types.')}.{kind.__name__}"
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = self.fields(kind)
        return {"$ref": f"#/$defs/{name}"}

    def fields(self, kind: type) -> Schema:
        """The schema of a TypedDict, with its fields."""
        properties: dict[str, Schema] = {}
        required = []
        # Within string annotations Required is not seen when the class is made, only here.
        for field, hint in _hints(kind).items():
            needed = field in getattr(kind, "__required_keys__", ())
            origin = typing.get_origin(hint)
            while getattr(origin, "_name", "") in ("Required", "NotRequired"):
                needed = getattr(origin, "_name", "") == "Required"
                hint = typing.get_args(hint)[0]
                origin = typing.get_origin(hint)
            name = _alias(hint) or field
            properties[name] = self.of(hint)
            if needed and name not in FILLED_IN.get(kind.__name__, ()):
                required.append(name)
        properties |= TAKEN_TOO.get(kind.__name__, {})
        return {
            "type": "object",
            "properties": dict(sorted(properties.items())),
            "required": sorted(required),
            "additionalProperties": False,
        }


def _hints(kind: type) -> dict[str, Any]:
    import typing_extensions

    return typing_extensions.get_type_hints(kind, include_extras=True)


def _alias(hint: Any) -> str | None:
    for note in getattr(hint, "__metadata__", ()):
        if alias := getattr(note, "alias", None):
            return str(alias)
    return None


def _union(options: list[Schema]) -> Schema:
    flat: list[Schema] = []
    for option in options:
        flat.extend(option["anyOf"] if set(option) == {"anyOf"} else [option])
    if {"type": "string"} in flat:
        # The SDK lists known values beside any other text; all of them are text.
        flat = [o for o in flat if not ("enum" in o and all(isinstance(v, str) for v in o["enum"]))]
    if {"enum": [True]} in flat and {"enum": [False]} in flat:
        flat = [{"type": "boolean"}, *(o for o in flat if o.get("enum") not in ([True], [False]))]
    unique = [option for at, option in enumerate(flat) if option not in flat[:at]]
    return unique[0] if len(unique) == 1 else {"anyOf": unique}


def _merged(schemas: list[Schema]) -> Schema:
    """One schema for requests that may be of either type: the two differ in ``stream`` only."""
    first = schemas[0]
    properties: dict[str, Schema] = {}
    for name in sorted({name for schema in schemas for name in schema["properties"]}):
        properties[name] = _union([s["properties"][name] for s in schemas if name in s["properties"]])
    required = set(first["required"]).intersection(*(schema["required"] for schema in schemas[1:]))
    return {**first, "properties": properties, "required": sorted(required)}


def make(endpoint: str) -> Schema:
    """The schema of the request body of ``endpoint``, a key of `REQUESTS`. Needs the SDK."""
    import openai

    module, name = REQUESTS[endpoint]
    kind = getattr(importlib.import_module(f"openai.types.{module}"), name)
    maker = _Maker()
    kinds = typing.get_args(kind) or (kind,)
    body = _merged([maker.fields(one) for one in kinds])
    for field in QUERY.get(endpoint, ()):
        body["properties"].pop(field)
    return {
        "$comment": f"made by ops.standins.openai.contract from openai {openai.__version__}",
        **body,
        "$defs": dict(sorted(maker.definitions.items())),
    }


def text(schema: Schema) -> str:
    """``schema`` as it is kept in a file: one field or definition a line, so that differences can be read."""
    parts = []
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            lines = [f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in value.items()]
            parts.append(f' "{key}": {{\n' + ",\n".join(lines) + "\n }")
        else:
            parts.append(f' "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> int:
    """Write all schemas; 0 when done, 2 when the SDK is not installed."""
    try:
        made = {endpoint: text(make(endpoint)) for endpoint in REQUESTS}
    except ImportError:
        print("openai is not installed here: pip install openai, then run this again")
        return 2
    for endpoint, content in made.items():
        (SCHEMAS / f"{endpoint}.json").write_text(content)
    print(f"{len(made)} schemas written to {SCHEMAS}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
