"""A rate limit on addresses that keep sending wrong keys or malformed bodies.

It slows down guessing and broken clients; it is no limit on traffic, so it lives in this process alone.
"""

from __future__ import annotations

import time
from collections import OrderedDict

WINDOW_S = 60.0
MOST_ADDRESSES = 10_000
"""Remembered at a time; the one unseen for longest goes first."""


class Throttle:
    """Counts failures by address.

    Args:
        most: failures of one address in a minute from which on it has to wait.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """By address: when its minute began, and how many failures it holds."""

    def failed(self, address: str) -> None:
        """Count a failure of this address."""
        began, count = self._current(address)
        self._seen[address] = (began, count + 1)
        self._seen.move_to_end(address)
        if len(self._seen) > MOST_ADDRESSES:
            self._seen.popitem(last=False)

    def wait_s(self, address: str) -> float:
        """Seconds until this address may fail again; 0 if it may now."""
        began, count = self._current(address)
        return 0.0 if count < self._most else began + WINDOW_S - time.monotonic()

    def _current(self, address: str) -> tuple[float, int]:
        now = time.monotonic()
        began, count = self._seen.get(address, (now, 0))
        return (began, count) if now - began < WINDOW_S else (now, 0)
