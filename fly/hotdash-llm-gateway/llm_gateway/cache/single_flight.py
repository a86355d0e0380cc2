"""Single flight: identical requests that are under way at the same time share one upstream call."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


@dataclass
class _Flight(Generic[T]):
    """The followers of one leader, longest waiting first; each gets the answer, or None: the lead is now yours."""

    waiting: list[asyncio.Future[tuple[T] | None]] = field(default_factory=list)


class Lead(Generic[T]):
    """The duty to make the call. Leaving the block without `finish` hands the duty to the next follower."""

    def __init__(self, flights: Flights[T], key: Hashable, *, shared: bool) -> None:
        self._flights, self._key, self._open = flights, key, shared

    def finish(self, answer: T) -> None:
        """Give every follower the answer. Calling it again does nothing."""
        if self._open:
            self._open = False
            self._flights._land(self._key, answer)

    def release(self) -> None:
        """Give up (failed, cancelled, nothing to share): the longest waiting follower leads from here."""
        if self._open:
            self._open = False
            self._flights._hand_over(self._key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.release()


@dataclass(frozen=True)
class Shared(Generic[T]):
    """The answer another request got."""

    answer: T


class Flights(Generic[T]):
    """The calls under way in this process, by key (for the gateway: the exact cache key)."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}

    async def join(self, key: Hashable, *, wait_s: float) -> Lead[T] | Shared[T]:
        """Lead the call for this key, or wait for the request that leads it.

        Args:
            key: what makes requests identical.
            wait_s: how long to follow, in seconds; afterwards the caller makes its own, unshared call.

        Returns:
            `Shared` with the leader's answer, or a `Lead` to be used as a context manager.
        """
        flight = self._flights.get(key)
        if flight is None:
            self._flights[key] = _Flight()
            return Lead(self, key, shared=True)
        place: asyncio.Future[tuple[T] | None] = asyncio.get_running_loop().create_future()
        flight.waiting.append(place)
        try:
            async with asyncio.timeout(wait_s):
                landed = await place
        except TimeoutError:
            landed = self._leave(key, flight, place)
            if landed is None:
                return Lead(self, key, shared=place.done() and not place.cancelled())
        except asyncio.CancelledError:
            if place.done() and not place.cancelled() and place.result() is None:
                self._hand_over(key)  # The lead had just come to us and we are going.
            self._leave(key, flight, place)
            raise
        return Lead(self, key, shared=True) if landed is None else Shared(landed[0])

    def __len__(self) -> int:
        return len(self._flights)

    @staticmethod
    def _leave(key: Hashable, flight: _Flight[T], place: asyncio.Future[tuple[T] | None]) -> tuple[T] | None:
        if place in flight.waiting:
            flight.waiting.remove(place)
        return place.result() if place.done() and not place.cancelled() else None

    def _land(self, key: Hashable, answer: T) -> None:
        flight = self._flights.pop(key, None)
        for place in flight.waiting if flight else ():
            if not place.done():
                place.set_result((answer,))

    def _hand_over(self, key: Hashable) -> None:
        flight = self._flights.get(key)
        while flight and flight.waiting:
            place = flight.waiting.pop(0)
            if not place.done():
                place.set_result(None)
                return
        self._flights.pop(key, None)
