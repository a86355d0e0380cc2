"""Nearest stored questions within one room, in memory: int8 vectors, and a coarse float32 view of large rooms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
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
class Entry:
    """One stored question.

    Attributes:
        id: names the entry in Redis.
        row: the row of the team's log it came with; its first part is the time of writing in ms.
        room: the partition in one embedding space.
        history_key: digest of the conversation before the question; empty for a first question.
    """

    id: str
    team: str
    row: RowId
    room: str
    question: str
    history_key: str


def quantise(vector: Vector) -> Codes:
    """A direction as int8 codes. The length is lost, which a cosine does not need.

    The worst component error is 1/254 of the largest component; cosines move by less than 0.002 (see the tests).
    """
    largest = float(np.abs(vector).max())
    if not np.isfinite(largest) or largest == 0.0:
        raise ValueError("an embedding must be finite and not all zeros")
    codes: Codes = np.rint(vector * (127.0 / largest)).astype(np.int8)
    return codes


@lru_cache(maxsize=8)
def _projection(dimensions: int) -> Vector | None:
    """A fixed orthonormal projection to fewer dimensions, or None where it would save nothing.

    Near neighbours stay near under a random projection whatever the embedding model is; truncating instead would
    work only for models trained for it.
    """
    if dimensions <= COARSE_DIMENSIONS:
        return None
    seeded = np.random.default_rng(20260101).standard_normal((dimensions, COARSE_DIMENSIONS))
    return np.ascontiguousarray(np.linalg.qr(seeded)[0], dtype=np.float32)


class Room:
    """The vectors of one room, in arrays that grow by doubling and are kept dense."""

    def __init__(self, dimensions: int) -> None:
        self.dimensions = dimensions
        self.entries: list[Entry] = []
        self._place: dict[str, int] = {}
        self._codes: Codes = np.empty((16, dimensions), np.int8)
        self._inverse_norm: Vector = np.empty(16, np.float32)
        self._coarse: Vector = np.empty((16, min(dimensions, COARSE_DIMENSIONS)), np.float32)

    def put(self, entries: Sequence[Entry], codes: Codes) -> None:
        """Add or replace entries; row i of `codes` belongs to entry i."""
        last = {entry.id: at for at, entry in enumerate(entries)}
        entries, codes = [entries[at] for at in last.values()], codes[list(last.values())]
        self._reserve(len(self.entries) + len(entries))
        full = codes.astype(np.float32)
        inverse = (1.0 / np.maximum(np.linalg.norm(full, axis=1), 1e-6)).astype(np.float32)
        projection = _projection(self.dimensions)
        coarse = (full if projection is None else full @ projection) * inverse[:, None]
        for at, entry in enumerate(entries):
            place = self._place.setdefault(entry.id, len(self.entries))
            if place == len(self.entries):
                self.entries.append(entry)
            else:
                self.entries[place] = entry
            self._codes[place], self._inverse_norm[place], self._coarse[place] = codes[at], inverse[at], coarse[at]

    def remove(self, entry_id: str) -> None:
        place = self._place.pop(entry_id, None)
        if place is None:
            return
        last = self.entries.pop()
        if place < len(self.entries):
            end = len(self.entries)
            self.entries[place] = last
            self._place[last.id] = place
            for array in (self._codes, self._inverse_norm, self._coarse):
                array[place] = array[end]

    def nearest(self, vector: Vector, count: int) -> list[tuple[float, Entry]]:
        """The nearest entries by cosine, best first. `vector` has length 1."""
        size = len(self.entries)
        if size > COARSE_FROM:
            projection = _projection(self.dimensions)
            rough = self._coarse[:size] @ (vector if projection is None else vector @ projection)
            places = np.argpartition(rough, size - SHORTLIST)[size - SHORTLIST :]
        else:
            places = np.arange(size)
        cosines = (self._codes[places].astype(np.float32) @ vector) * self._inverse_norm[places]
        best = np.argsort(-cosines, kind="stable")[:count]
        return [(min(1.0, float(cosines[at])), self.entries[int(places[at])]) for at in best]

    def _reserve(self, needed: int) -> None:
        have = len(self._inverse_norm)
        if needed <= have:
            return
        size = max(needed, 2 * have)
        for name in ("_codes", "_inverse_norm", "_coarse"):
            old = getattr(self, name)
            new = np.empty((size, *old.shape[1:]), old.dtype)
            new[:have] = old
            setattr(self, name, new)


class Index:
    """All rooms of all teams as this process knows them."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._entries: dict[str, dict[str, Entry]] = {}

    def __len__(self) -> int:
        return sum(len(entries) for entries in self._entries.values())

    def put(self, entries: Sequence[Entry], codes: Sequence[bytes]) -> None:
        """Add or replace entries; their vectors are int8 codes. Entries whose room has another width are left out."""
        grouped: dict[tuple[str, int], list[int]] = {}
        for at, entry in enumerate(entries):
            grouped.setdefault((entry.room, len(codes[at])), []).append(at)
        for (name, width), places in grouped.items():
            room = self._rooms.get(name)
            if room is None:
                room = self._rooms[name] = Room(width)
            if room.dimensions != width:
                continue
            matrix = np.frombuffer(b"".join(codes[at] for at in places), np.int8).reshape(len(places), width)
            chosen = [entries[at] for at in places]
            room.put(chosen, matrix)
            for entry in chosen:
                self._entries.setdefault(entry.team, {})[entry.id] = entry

    def nearest(self, room: str, vector: Vector, count: int) -> list[tuple[float, Entry]]:
        """The nearest entries of one room by cosine, best first."""
        found = self._rooms.get(room)
        if found is None or len(vector) != found.dimensions:
            return []
        return found.nearest(vector, count)

    def remove(self, team: str, entry_id: str) -> None:
        entry = self._entries.get(team, {}).pop(entry_id, None)
        if entry is None:
            return
        room = self._rooms[entry.room]
        room.remove(entry_id)
        if not room.entries:
            del self._rooms[entry.room]

    def remove_before(self, team: str, row: RowId) -> None:
        """Forget a team's entries that were written before a row of its log."""
        self._remove_all(entry for entry in list(self._entries.get(team, {}).values()) if entry.row < row)

    def remove_older(self, than_ms: int) -> None:
        """Forget what was written before a time (ms since the epoch, by Redis' clock)."""
        for entries in list(self._entries.values()):
            self._remove_all(entry for entry in list(entries.values()) if entry.row[0] < than_ms)

    def _remove_all(self, entries: Iterable[Entry] | Iterator[Entry]) -> None:
        for entry in entries:
            self.remove(entry.team, entry.id)
