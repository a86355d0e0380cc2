"""The shop's topics, as `topics.toml` describes them."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("topics.toml")
OUT_OF_SCOPE = "none"


@dataclass(frozen=True)
class Topic:
    """One thing customers ask about.

    Attributes:
        passage: the answer.
        asked: wordings that the passage answers.
        beside: wordings close to them that it does not answer.
    """

    name: str
    passage: str
    asked: tuple[str, ...]
    beside: tuple[str, ...]


@functools.cache
def topics() -> Sequence[Topic]:
    """All topics in the file's order; the one called "none" gathers what is not the shop's business."""
    found = tomllib.loads(SOURCE.read_text("utf-8"))
    return [
        Topic(name, str(each["passage"]), tuple(each["asked"]), tuple(each["beside"])) for name, each in found.items()
    ]


def wordings() -> list[str]:
    """Every wording in the file, topic by topic, first those asked, then those beside."""
    return [text for topic in topics() for text in (*topic.asked, *topic.beside)]
