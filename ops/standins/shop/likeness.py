"""Which topic a question belongs to, by the wordings nearest to it in a sentence model.

The wordings' vectors are kept in `vectors.npz`, made by ``python -m ops.standins.shop``: embedding them takes some 20
seconds, which no stand-in should take to answer its first question.
"""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ops.standins.embedding import embed
from ops.standins.shop.topics import OUT_OF_SCOPE, Topic, topics, wordings

VECTORS = Path(__file__).with_name("vectors.npz")
DIMENSIONS = 384
NEAREST = 3
"""A topic is as near as its so many nearest wordings on average: a single one may be near by chance."""
IN_SCOPE = 0.42
"""Cosine to the mean of all wordings removed, below which a question is none of the shop's business."""
MARGIN = 0.08
"""By so much must a topic be nearer than the next one: closer than that, the question is torn between them."""
LONGEST = 300
"""Characters. More than that is a letter with several questions in it, which one passage does not answer."""

_NEGATION = re.compile(
    r"\b(not|no|never|nothing|none|cannot|except|exclud\w*|refus\w*|reject\w*|declin\w*)\b|n['’]t\b", re.IGNORECASE
)
_QUESTION = re.compile(
    r"(wh\w+|how|is|are|was|were|do|does|did|can|could|will|would|should|may|has|have|am|isn|aren|don|doesn|won)\b",
    re.IGNORECASE,
)

Vectors = NDArray[np.float32]


def topic_of(question: str) -> Topic | None:
    """The topic whose passage answers ``question``; None if there is none or it is not clear.

    Takes as long as one embedding, some 20 ms: call it outside the event loop. Where no word is one of the shop's
    it takes no time, so that load tests with made-up words measure the gateway.
    """
    clean = question.strip()
    if len(clean) > LONGEST or not _shop_words() & _words(clean) or turned_round(clean):
        return None
    nearest = _nearest_topic(clean)
    return None if nearest is None or foreign_signs(clean, nearest.passage) else nearest


def turned_round(question: str) -> bool:
    """Whether it asks for the contrary, or for the reason, of what a passage states (why not, do you never)."""
    asks = _QUESTION.match(question)
    return asks is not None and (asks[0].lower() == "why" or _NEGATION.search(question) is not None)


def foreign_signs(question: str, passage: str) -> set[str]:
    """Numbers and symbols of a question that the passage does not mention: an amount, an emoji, code."""
    numbers = set(re.findall(r"\d+", question)) - set(re.findall(r"\d+", passage))
    symbols = {sign for sign in question if not sign.isalnum() and not sign.isspace()} - set("?!.,;:'’\"-()/&")
    return numbers | (symbols - set(passage))


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{3,}", text.casefold()))


@functools.cache
def _shop_words() -> frozenset[str]:
    """Words of the shop's wordings which those out of scope do without."""
    spoken = {topic.name: _words(" ".join(topic.asked)) for topic in topics()}
    everyday = spoken.pop(OUT_OF_SCOPE)
    return frozenset(set().union(*spoken.values()) - everyday)


@functools.lru_cache(maxsize=2048)
def _nearest_topic(question: str) -> Topic | None:
    vectors, mean = _stored()
    likeness = vectors @ _unit(np.asarray(embed(question, DIMENSIONS), np.float32) - mean)
    scored: list[tuple[float, Topic]] = []
    nearest_beside, at = -1.0, 0
    nearest_asked: dict[str, float] = {}
    for topic in topics():
        asked = np.sort(likeness[at : at + len(topic.asked)])[::-1]
        beside = likeness[at + len(topic.asked) : at + len(topic.asked) + len(topic.beside)]
        at += len(topic.asked) + len(topic.beside)
        scored.append((float(asked[:NEAREST].mean()), topic))
        nearest_asked[topic.name] = float(asked[0])
        nearest_beside = max(nearest_beside, float(beside.max(initial=-1.0)))
    scored.sort(key=lambda each: each[0], reverse=True)
    (first, best), (second, _) = scored[:2]
    if best.name == OUT_OF_SCOPE or first < IN_SCOPE or first - second < MARGIN:
        return None
    return best if nearest_asked[best.name] >= nearest_beside else None


@functools.cache
def _stored() -> tuple[Vectors, Vectors]:
    """The wordings' vectors with their mean removed, and that mean.

    All vectors of the model point roughly the same way; without what they share, likeness tells more.
    """
    with np.load(VECTORS) as kept:
        made_from, codes = str(kept["made_from"]), kept["codes"]
    if made_from != fingerprint():
        raise RuntimeError("vectors.npz is not made from topics.toml as it is: run python -m ops.standins.shop")
    vectors = _unit(codes.astype(np.float32))
    mean = vectors.mean(axis=0)
    return _unit(vectors - mean), mean


def fingerprint() -> str:
    """Names the wordings and their order."""
    return hashlib.sha256("\n".join(wordings()).encode()).hexdigest()


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return unit
