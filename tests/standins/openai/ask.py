"""Request bodies and a schema in strict form, for several tests."""

from __future__ import annotations

from typing import Any

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "order": {"type": "string"},
        "reason": {"type": "string", "enum": ["damaged", "late"]},
        "items": {"type": "array", "items": {"$ref": "#/$defs/item"}},
    },
    "required": ["order", "reason", "items"],
    "additionalProperties": False,
    "$defs": {
        "item": {
            "type": "object",
            "properties": {"sku": {"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"}, "count": {"type": "integer"}},
            "required": ["sku", "count"],
            "additionalProperties": False,
        }
    },
}


def chat(text: str, /, **more: Any) -> dict[str, Any]:
    """A chat request with one user message."""
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **more}


def response(given: Any, /, **more: Any) -> dict[str, Any]:
    """A Responses request."""
    return {"model": "gpt-4o-mini", "input": given, **more}


def chat_tool(name: str, parameters: dict[str, Any] = ORDER, **more: Any) -> dict[str, Any]:
    """A function for chat completions."""
    return {"type": "function", "function": {"name": name, "parameters": parameters, **more}}


def tool(name: str, parameters: dict[str, Any] = ORDER, strict: bool | None = True) -> dict[str, Any]:
    """A function for Responses."""
    return {"type": "function", "name": name, "parameters": parameters, "strict": strict}
