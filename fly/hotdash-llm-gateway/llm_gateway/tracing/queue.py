"""The queue of traces to be delivered: bounded in number and in bytes; every lost trace is counted.

Requests put traces in, one thread takes batches out. A batch counts as waiting until it is known to be delivered,
so at any moment sent + lost + waiting is what was put in.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Counts:
    """How many traces were sent, were lost, and are waiting, and the bytes of memory these take."""

    sent: int
    lost: int
    waiting: int
    waiting_bytes: int = 0


class TraceQueue(Generic[T]):
    """A queue that keeps the oldest and drops what no longer fits.

    Args:
        most: how many may wait, those being delivered included.
        most_bytes: how much memory they may take together.
    """

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most, self._most_bytes = most, most_bytes
        self._waiting: deque[tuple[T, int]] = deque()
        self._taken: list[tuple[T, int]] = []
        self._lock = threading.Lock()
        self._bytes = self._sent = self._lost = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._taken)

    def full(self) -> bool:
        """Whether nothing more fits, so that making a trace would be in vain."""
        return len(self) >= self._most or self._bytes >= self._most_bytes

    def put(self, item: T, size: int) -> bool:
        """Let it wait, or count it as lost. `size`: bytes of memory it takes."""
        with self._lock:
            if self.full() or self._bytes + size > self._most_bytes:
                self._lost += 1
                return False
            self._waiting.append((item, size))
            self._bytes += size
            return True

    def lose(self) -> None:
        """Count one that was not even made."""
        with self._lock:
            self._lost += 1

    def take(self, most: int, most_bytes: int) -> list[T]:
        """The batch being delivered, filled up to `most` items and `most_bytes`, but with one item at least."""
        with self._lock:
            size = sum(size for _, size in self._taken)
            while self._waiting and len(self._taken) < most:
                size += self._waiting[0][1]
                if self._taken and size > most_bytes:
                    break
                self._taken.append(self._waiting.popleft())
            return [item for item, _ in self._taken]

    def delivered(self) -> None:
        """The batch that was taken has arrived."""
        self.settle([True] * len(self._taken))

    def settle(self, arrived: Sequence[bool | None]) -> None:
        """Say for each of the batch that was taken: True it has arrived, False it is lost, None it is still waiting."""
        with self._lock:
            fates = list(zip(self._taken, arrived, strict=True))
            self._sent += sum(fate is True for _, fate in fates)
            self._lost += sum(fate is False for _, fate in fates)
            self._bytes -= sum(size for (_, size), fate in fates if fate is not None)
            self._taken = [taken for taken, fate in fates if fate is None]

    def postpone(self) -> None:
        """Let those that are still in the batch wait behind all others."""
        with self._lock:
            self._waiting.extend(self._taken)
            self._taken = []

    def counts(self) -> Counts:
        """All figures, of one moment."""
        with self._lock:
            return Counts(self._sent, self._lost, len(self), self._bytes)
