"""The tokens of a prompt's parts, of chat messages and Responses items alike."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ops.standins.openai.asked import tokens
from ops.standins.openai.errors import invalid
from ops.standins.openai.files import Files
from ops.standins.openai.images import data_of, document_tokens, picture_tokens
from ops.standins.openai.models import Model


def tool_tokens(tools: Sequence[Any] | None) -> int:
    """What the definitions of tools add to a prompt."""
    return sum(tokens(json.dumps(tool)) for tool in tools or ())


def part_tokens(content: Any, model: Model, files: Files) -> int:
    """The tokens of a message's content. Raises ApiError for a file that does not exist."""
    if not isinstance(content, list):
        return tokens(content) if isinstance(content, str) else 1
    texts = "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
    return tokens(texts) + sum(_part(part, model, files) for part in content)


def _part(part: dict[str, Any], model: Model, files: Files) -> int:
    kind = part.get("type")
    if kind == "image_url":
        picture = part["image_url"]
        return picture_tokens(model, picture["url"], picture.get("detail") or "auto")
    if kind == "input_image":
        if part.get("file_id"):
            files.find(part["file_id"])
        return picture_tokens(model, part.get("image_url") or "", part.get("detail") or "auto")
    if kind in ("file", "input_file"):
        given = part.get("file") or part
        if given.get("file_id"):
            found = files.find(given["file_id"])
            return document_tokens(model, found.content) if found.tokens is None else found.tokens
        try:
            data = data_of(given.get("file_data") or "")
        except ValueError as exc:
            raise invalid("Invalid 'file_data'. Expected a base64-encoded data URL.", "file_data") from exc
        return document_tokens(model, data)
    return 0
