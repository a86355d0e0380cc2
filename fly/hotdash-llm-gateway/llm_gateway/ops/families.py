"""The list of metrics in metrics.toml, as typed values."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("metrics.toml")


@dataclass(frozen=True)
class Family:
    """A metric: its name without the suffixes of its samples, and what OpenMetrics says of it."""

    name: str
    type: str
    help: str
    labels: tuple[str, ...]
    unit: str = ""


@cache
def families() -> Mapping[str, Family]:
    """All of them by name. Read when first asked for: a start needs none."""
    with FILE.open("rb") as file:
        listed = tomllib.load(file)
    return {
        name: Family(name, entry["type"], entry["help"], tuple(entry["labels"]), entry.get("unit", ""))
        for name, entry in listed.items()
    }
