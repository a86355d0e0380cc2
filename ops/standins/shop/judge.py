"""The gateway's judging model, played by the shop: is this answer right for the new question?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ops.standins.shop.likeness import foreign_signs, topic_of
from ops.standins.shop.topics import OUT_OF_SCOPE, Topic, topics

CASE = frozenset({"STORED", "ANSWER", "NEW"})
COMPARISON = frozenset({"QUESTION", "A", "B"})
_TO_THE_JUDGE = re.compile(
    r"\b(ignore|instruct\w*|verdict|judge|(reply|answer|say|respond)\W+(with )?yes)\b", re.IGNORECASE
)


def verdict(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """What the judging model would reply: "yes" or "no"; None if these messages do not ask for a verdict.

    A judge's request is told by its structure: a system message, then one user message that is a JSON object, either
    of the texts STORED, ANSWER and NEW (and perhaps CONVERSATION), or of a QUESTION and two answers to it, A and B.
    """
    texts = _texts(messages)
    if texts.keys() >= CASE:
        return "yes" if _right(texts["STORED"], texts["ANSWER"], texts["NEW"]) else "no"
    if texts.keys() >= COMPARISON:
        return "yes" if _same(texts["A"], texts["B"]) else "no"
    return None


def _right(stored: str, answer: str, new: str) -> bool:
    about = _about(answer)
    if about is None or _TO_THE_JUDGE.search(new) or topic_of(new) is not about:
        return False
    # A sign that only the new question bears asks for something else, whatever the passage happens to hold.
    return not (foreign_signs(new, answer) - foreign_signs(stored, answer))


def _same(one: str, other: str) -> bool:
    return one == other or (_about(one) is not None and _about(one) is _about(other))


def _about(answer: str) -> Topic | None:
    """The topic an answer is about: the one whose passage it begins with."""
    found = (each for each in topics() if each.name != OUT_OF_SCOPE and answer.startswith(each.passage))
    return next(found, None)


def _texts(messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The texts in a judge's request by name; none if it is another request."""
    if [each.get("role") for each in messages] != ["system", "user"]:
        return {}
    try:
        data = json.loads(messages[1].get("content") or "")
    except (TypeError, ValueError):
        return {}
    found = data if isinstance(data, dict) else {}
    return found if all(isinstance(text, str) for text in found.values()) else {}
