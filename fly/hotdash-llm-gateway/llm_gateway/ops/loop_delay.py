"""How late the event loop runs: whatever holds it holds every request of every team."""

from __future__ import annotations

import asyncio
import time

PERIOD_S = 0.025
WINDOW_S = 60.0


class LoopDelay:
    """Measures, forty times a second, how much later than asked a timer comes.

    Attributes:
        longest_s: the longest delay since the process started, in seconds.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._began, self._this, self._last = time.monotonic(), 0.0, 0.0

    @property
    def recent_s(self) -> float:
        """The longest delay of the last one to two minutes, in seconds."""
        return max(self._this, self._last)

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD_S
            await asyncio.sleep(PERIOD_S)
            self._note(max(0.0, loop.time() - due))

    def _note(self, delay_s: float) -> None:
        now = time.monotonic()
        if now - self._began > WINDOW_S:
            self._began, self._this, self._last = now, 0.0, self._this
        self._this = max(self._this, delay_s)
        self.longest_s = max(self.longest_s, delay_s)
