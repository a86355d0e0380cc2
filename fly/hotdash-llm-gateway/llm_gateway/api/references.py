"""The stored objects of the provider that a request refers to, so that their owner can be checked.

Whatever is named by an id and read there counts: a text beside an id says nothing about what the provider reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import check
from .request import Reference

CLIENT_TOOLS = frozenset({"function", "custom", "local_shell", "apply_patch"})
"""Tools that the client runs itself. All others run at the provider, at a price, on what is kept there."""
TRAVELLING = frozenset(
    {
        "message", "function_call", "function_call_output", "custom_tool_call", "custom_tool_call_output",
        "local_shell_call", "local_shell_call_output", "apply_patch_call", "apply_patch_call_output",
        "computer_call_output",
    }
)  # fmt: skip
"""Types of items whose content is in the request. Of any other the provider reads what it keeps under the id."""
ONE = frozenset({"file_id", "container_id"})
SEVERAL = frozenset({"file_ids", "vector_store_ids"})


def in_request(body: Mapping[str, Any], items: object) -> Iterator[Reference]:
    """What a request for a response names.

    Args:
        body: its parameters.
        items: its input, if that is a list.

    Raises:
        BadRequest: a conversation is named by something that is no id.
    """
    if "previous_response_id" in body:
        yield Reference("response", body["previous_response_id"], "previous_response_id")
    if "conversation" in body:
        named = body["conversation"]
        identity = named.get("id") if isinstance(named, Mapping) else named
        if not isinstance(identity, str):
            raise check.wrong_type(named, "conversation", "one of a conversation ID or object")
        yield Reference("conversation", identity, "conversation")
    if "prompt" in body:
        yield Reference("prompt", body["prompt"]["id"], "prompt.id")
        yield from _files_in(body["prompt"].get("variables"), "prompt.variables")
    for index, tool in enumerate(body.get("tools") or ()):
        if tool["type"] not in CLIENT_TOOLS:
            yield from _files_in(tool, f"tools[{index}]")
            if isinstance(tool.get("container"), str):
                yield Reference("file", tool["container"], f"tools[{index}].container")
    yield from in_items(items, "input")


def in_items(items: object, path: str) -> Iterator[Reference]:
    """What a list of items names. `path`: of the list, for messages."""
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if item.get("id") is not None and not _travels(item):
            yield Reference("item", item["id"], f"{path}[{index}].id")
        if item.get("approval_request_id") is not None:
            yield Reference("item", str(item["approval_request_id"]), f"{path}[{index}].approval_request_id")
        for at, part in enumerate(parts(item)):
            if part.get("file_id") is not None:
                yield Reference("file", str(part["file_id"]), f"{path}[{index}].content[{at}].file_id")


def is_bare(item: Mapping[str, Any]) -> bool:
    """Whether an item is nothing but an id, which stands for what the provider keeps under it."""
    return set(item) <= {"id", "type"} and item.get("id") is not None


def parts(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The content parts of a message or of a tool's output."""
    for field in ("content", "output"):
        value = item.get(field)
        if isinstance(value, Mapping):
            yield value
        for part in value if isinstance(value, list) else ():
            if isinstance(part, Mapping):
                yield part


def _travels(item: Mapping[str, Any]) -> bool:
    if is_bare(item):
        return False
    if item.get("encrypted_content"):
        return True  # Reasoning that the client keeps: the provider can read it there and nowhere else.
    kind = item.get("type")
    return item.get("content") is not None if kind is None else kind in TRAVELLING


def _files_in(value: object, path: str) -> Iterator[Reference]:
    """All that is named under the names that ids of files go by, however deep."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name in ONE and inner is not None:
                yield Reference("file", str(inner), f"{path}.{name}")
            elif name in SEVERAL and isinstance(inner, list):
                yield from (Reference("file", str(each), f"{path}.{name}[{at}]") for at, each in enumerate(inner))
            else:
                yield from _files_in(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _files_in(inner, f"{path}[{at}]")
