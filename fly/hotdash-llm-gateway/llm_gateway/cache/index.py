"""Nearest-neighbour search in memory among one partition's questions: int8 vectors, preselected by sign bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from .acceptance import Kind

Vector = NDArray[np.float32]
Codes = NDArray[np.int8]
Signs = NDArray[np.uint64]
RowId = tuple[int, int]

SHORTLIST = 128
"""Wordings whose vectors are compared; in a partition with more, those that differ in the fewest signs."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One question for which an answer is kept: the one it was given to, or another found to have the same answer.

    Attributes:
        row: the row of the team's log it came with; its first part is the time of writing in ms.
        partition: the partition and the conversation before the question, in one embedding space.
        entry: id of the wording that the answer was given to; its own, if it is that one.
        stamp: digest of that answer: a verdict is about one answer, not about whatever has its place later.
        end_user: digest of the person who asked, empty if unnamed.
    """

    row: RowId
    id: str
    partition: str
    question: str
    entry: str
    stamp: str
    end_user: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A stored answer that may be right: its wording nearest to the question, by which cosine, and of which kind."""

    wording: Wording
    similarity: float
    kind: Kind


def quantise(vector: Vector) -> Codes:
    """A direction as int8 codes; cosines move by less than 0.002 (see the tests). Raises ValueError if it is none."""
    largest = float(np.abs(vector).max())
    if not np.isfinite(largest) or largest == 0.0:
        raise ValueError("an embedding must be finite and not all zeros")
    codes: Codes = np.rint(vector * (127.0 / largest)).astype(np.int8)
    return codes


def _signs(vector: Vector | Codes) -> Signs:
    """Which parts of a vector are positive, 64 to a word."""
    bits = np.packbits(vector > 0)
    return np.frombuffer(bits.tobytes().ljust(-(-bits.size // 8) * 8, b"\0"), np.uint64)


class PartitionIndex:
    """The vectors of one partition."""

    def __init__(self, dimensions: int) -> None:
        self.wordings: list[Wording] = []
        self._place: dict[str, int] = {}
        # Vectors stay as they came, since enlarging an array of thousands of them would hold up everybody. One column
        # to begin with: every conversation is a partition of its own, and most hold one question.
        self._codes: list[bytes] = []
        self._signs: Signs = np.empty((-(-dimensions // 64), 1), np.uint64)

    def put(self, wording: Wording, codes: bytes) -> None:
        """Add or replace a wording; `codes` are its vector's int8 codes, one byte per dimension."""
        place = self._place.setdefault(wording.id, len(self.wordings))
        if place == self._signs.shape[1]:
            grown = np.empty((len(self._signs), 2 * place), np.uint64)
            grown[:, :place] = self._signs
            self._signs = grown
        self.wordings[place : place + 1] = [wording]
        self._codes[place : place + 1] = [codes]
        self._signs[:, place] = _signs(np.frombuffer(codes, np.int8))

    def remove(self, wording_id: str) -> None:
        """Forget a wording. Raises KeyError if it is not here."""
        place, last, codes = self._place.pop(wording_id), self.wordings.pop(), self._codes.pop()
        if last.id != wording_id:
            self.wordings[place], self._codes[place], self._place[last.id] = last, codes, place
            self._signs[:, place] = self._signs[:, len(self.wordings)]

    def nearest(self, vector: Vector, count: int) -> list[tuple[float, Wording]]:
        """At most `count` nearest wordings with their cosines, best first; `vector` has length 1."""
        places: Sequence[int] = range(len(self.wordings))
        if len(places) > SHORTLIST:
            differing = np.bitwise_count(self._signs[:, : len(places)] ^ _signs(vector)[:, None])
            places = np.argpartition(differing.sum(0, dtype=np.uint16), SHORTLIST)[:SHORTLIST].tolist()
        joined = b"".join([self._codes[place] for place in places])
        codes = np.frombuffer(joined, np.int8).reshape(len(places), -1).astype(np.float32)
        cosines = (codes @ vector) / np.sqrt(np.einsum("ij,ij->i", codes, codes))
        best = np.argsort(-cosines, kind="stable")[:count]
        return [(min(1.0, float(cosines[at])), self.wordings[places[at]]) for at in best]


class Index:
    """All partitions of one team as this process knows them."""

    def __init__(self) -> None:
        self._partitions: dict[str, PartitionIndex] = {}
        self._wordings: dict[str, Wording] = {}

    def __len__(self) -> int:
        return len(self._wordings)

    def put(self, wording: Wording, codes: bytes) -> None:
        """Add or replace a wording; its vector is int8 codes, of the same number throughout a partition."""
        self._partitions.setdefault(wording.partition, PartitionIndex(len(codes))).put(wording, codes)
        self._wordings.pop(wording.id, None)  # So that they stay in the order of their rows.
        self._wordings[wording.id] = wording

    def nearest(self, partition: str, vector: Vector, count: int) -> list[tuple[float, Wording]]:
        """The nearest wordings of one partition by cosine, best first. `vector` has length 1."""
        found = self._partitions.get(partition)
        return found.nearest(vector, count) if found is not None else []

    def remove(self, wording_id: str) -> None:
        """Forget a wording, if it is known."""
        wording = self._wordings.pop(wording_id, None)
        if wording is not None:
            self._partitions[wording.partition].remove(wording_id)
            if not self._partitions[wording.partition].wordings:
                del self._partitions[wording.partition]

    def remove_before(self, row: RowId, most: int) -> bool:
        """Forget at most `most` wordings that were written before a row of the log; returns whether there may be more.

        They must have been put in the order of their rows.
        """
        old = [wording.id for wording in islice(self._wordings.values(), most) if wording.row < row]
        for wording_id in old:
            self.remove(wording_id)
        return len(old) == most
