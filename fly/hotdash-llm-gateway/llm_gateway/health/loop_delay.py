"""Measuring the delay of the event loop: what blocks it blocks every request of every team."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Iterator

PERIOD_S = 0.025
WINDOW_S = 60.0
BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class LoopDelay:
    """Measures, forty times a second, how much later than asked a timer comes.

    Attributes:
        longest_s: the longest delay since the process started, in seconds.
        sum_s: the sum of what the process itself was busy with in these delays, by its CPU time: its own doing,
            where the rest is the machine's.
    """

    def __init__(self) -> None:
        self.longest_s = self.sum_s = 0.0
        self._began, self._this, self._last = time.monotonic(), 0.0, 0.0
        self._held = [0] * (len(BOUNDS_S) + 1)

    @property
    def recent_s(self) -> float:
        """The longest delay of the last one to two minutes, in seconds."""
        return max(self._this, self._last)

    def cumulative(self) -> Iterator[tuple[str, int]]:
        """How many delays the process itself caused, up to each bound in seconds, as a histogram adds them up."""
        count = 0
        for bound, each in zip((*map(str, BOUNDS_S), "+Inf"), self._held, strict=True):
            count += each
            yield bound, count

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due, used = loop.time() + PERIOD_S, time.process_time()
            await asyncio.sleep(PERIOD_S)
            self.note(max(0.0, loop.time() - due), time.process_time() - used)

    def note(self, delay_s: float, busy_s: float) -> None:
        """Take in one measurement: the delay, and the CPU time that all threads of this process took meanwhile."""
        now = time.monotonic()
        if now - self._began > WINDOW_S:
            self._began, self._this, self._last = now, 0.0, self._this
        self._this = max(self._this, delay_s)
        self.longest_s = max(self.longest_s, delay_s)
        held = min(delay_s, busy_s)
        self.sum_s += held
        self._held[bisect_left(BOUNDS_S, held)] += 1
