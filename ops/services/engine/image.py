"""The size of an image, layer by layer."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ops.services.engine.engine import Engine


@dataclass(frozen=True)
class Layer:
    """One line of an image's history that holds something: what made it, and its bytes."""

    made_by: str
    size: int


def layers(engine: Engine, image: str) -> list[Layer]:
    """The layers of an image that are not empty, oldest first.

    Raises:
        RunbookError: ENGINE-004 there is no such image.
    """
    form = "json" if engine.kind == "podman" else "{{json .}}"
    words = ("history", "--no-trunc", "--human=false", "--format", form, image)
    said = engine.run(f"reading the layers of {image}", *words).stdout
    found = [Layer(_command(row), size) for row in _rows(said) if (size := _size(row))]
    return found[::-1]


def _rows(said: str) -> list[dict[str, Any]]:
    """Podman answers with a list, docker with an object a line."""
    if said.lstrip().startswith("["):
        rows: list[dict[str, Any]] = json.loads(said)
        return rows
    return [json.loads(line) for line in said.splitlines() if line.strip()]


def _size(row: dict[str, Any]) -> int:
    return int(row.get("size") or row.get("Size") or 0)


def _command(row: dict[str, Any]) -> str:
    text = str(row.get("CreatedBy") or row.get("createdBy") or "").strip()
    text = re.sub(r"^(/bin/(a?sh) (-eo pipefail )?-c )?(#\(nop\) )?", "", text)
    return " ".join(text.split())
