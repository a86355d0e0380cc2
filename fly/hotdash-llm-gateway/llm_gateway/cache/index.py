"""Nearest known wordings within one room, in memory: int8 vectors, and a coarse float32 view of large rooms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Codes = NDArray[np.int8]
RowId = tuple[int, int]

COARSE_DIMENSIONS = 128
COARSE_FROM = 512
"""Rooms with fewer rows are scanned exactly."""
SHORTLIST = 128
"""Rows that the coarse scan hands to the exact one."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One question for which an answer is kept: the one it was given to, or another found to have the same answer.

    Attributes:
        row: the row of the team's log it came with; its first part is the time of writing in ms.
        room: the partition and the conversation before the question, in one embedding space.
        entry: id of the wording that the answer was given to; its own, if it is that one.
        stamp: digest of that answer: a verdict is about one answer, not about whatever has its place later.
        end_user: digest of the person who asked, empty if unnamed.
        tokens: of question and answer, what a judge has to read.
    """

    id: str
    row: RowId
    room: str
    question: str
    entry: str
    stamp: str
    end_user: str = ""
    tokens: int = 0


def quantise(vector: Vector) -> Codes:
    """A direction as int8 codes; cosines move by less than 0.002 (see the tests). Raises ValueError if it is none."""
    largest = float(np.abs(vector).max())
    if not np.isfinite(largest) or largest == 0.0:
        raise ValueError("an embedding must be finite and not all zeros")
    codes: Codes = np.rint(vector * (127.0 / largest)).astype(np.int8)
    return codes


@lru_cache(maxsize=8)
def projection(dimensions: int) -> Vector:
    """A fixed orthonormal projection to fewer dimensions; near stays near, whatever the embedding model is."""
    seeded = np.random.default_rng(20260101).standard_normal((dimensions, min(dimensions, COARSE_DIMENSIONS)))
    return np.ascontiguousarray(np.linalg.qr(seeded)[0], dtype=np.float32)


class Room:
    """The vectors of one room, in arrays that grow by doubling and are kept dense."""

    def __init__(self, dimensions: int) -> None:
        self.wordings: list[Wording] = []
        self.most_tokens = 0
        self._place: dict[str, int] = {}
        self._projection = projection(dimensions)
        # One row to begin with: every conversation is a room of its own, and most hold one question.
        self._codes: Codes = np.empty((1, dimensions), np.int8)
        self._inverse_norm: Vector = np.empty(1, np.float32)
        self._coarse: Vector = np.empty((1, self._projection.shape[1]), np.float32)

    @property
    def dimensions(self) -> int:
        return int(self._codes.shape[1])

    def put(self, wording: Wording, codes: Codes) -> None:
        place = self._place.setdefault(wording.id, len(self.wordings))
        if place == len(self._codes):
            for name in ("_codes", "_inverse_norm", "_coarse"):
                old = getattr(self, name)
                setattr(self, name, np.empty((2 * place, *old.shape[1:]), old.dtype))
                getattr(self, name)[:place] = old
        self.wordings[place : place + 1] = [wording]
        full = codes.astype(np.float32)
        inverse = 1.0 / max(float(np.linalg.norm(full)), 1e-6)
        self._codes[place], self._inverse_norm[place] = codes, inverse
        self._coarse[place] = full @ self._projection * inverse
        self.most_tokens = max(self.most_tokens, wording.tokens)

    def remove(self, wording_id: str) -> None:
        place, last = self._place.pop(wording_id), self.wordings.pop()
        if last.id != wording_id:
            self.wordings[place], self._place[last.id] = last, place
            for array in (self._codes, self._inverse_norm, self._coarse):
                array[place] = array[len(self.wordings)]

    def nearest(self, vector: Vector, count: int) -> list[tuple[float, Wording]]:
        size = len(self.wordings)
        places = np.arange(size)
        if size > COARSE_FROM:
            rough = self._coarse[:size] @ (vector @ self._projection)
            places = np.argpartition(rough, size - SHORTLIST)[size - SHORTLIST :]
        cosines = (self._codes[places].astype(np.float32) @ vector) * self._inverse_norm[places]
        best = np.argsort(-cosines, kind="stable")[:count]
        return [(min(1.0, float(cosines[at])), self.wordings[int(places[at])]) for at in best]


class Index:
    """All rooms of one team as this process knows them."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._wordings: dict[str, Wording] = {}

    def __len__(self) -> int:
        return len(self._wordings)

    def put(self, wording: Wording, codes: bytes) -> None:
        """Add or replace a wording; its vector is int8 codes. It is left out if its room has another width."""
        room = self._rooms.setdefault(wording.room, Room(len(codes)))
        if room.dimensions == len(codes):
            room.put(wording, np.frombuffer(codes, np.int8))
            self._wordings[wording.id] = wording

    def nearest(self, room: str, vector: Vector, count: int) -> list[tuple[float, Wording]]:
        """The nearest wordings of one room by cosine, best first. `vector` has length 1."""
        found = self._rooms.get(room)
        return found.nearest(vector, count) if found is not None and len(vector) == found.dimensions else []

    def most_tokens(self, room: str) -> int:
        """The longest question and answer a judge could be given from this room; 0 if nothing is kept in it."""
        found = self._rooms.get(room)
        return found.most_tokens if found is not None else 0

    def remove(self, wording_id: str) -> None:
        """Forget a wording, if it is known."""
        wording = self._wordings.pop(wording_id, None)
        if wording is not None:
            self._rooms[wording.room].remove(wording_id)
            if not self._rooms[wording.room].wordings:
                del self._rooms[wording.room]

    def remove_before(self, row: RowId) -> None:
        """Forget what was written before a row of the log."""
        for wording in [wording for wording in self._wordings.values() if wording.row < row]:
            self.remove(wording.id)
