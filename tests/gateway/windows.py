"""How many admissions fell into one sliding window."""

from __future__ import annotations

from collections.abc import Iterable


def fullest(times: Iterable[int], window_us: int) -> int:
    """The most admissions in any window of `window_us`, its end not included; times in the same unit."""
    ordered = sorted(times)
    most = first = 0
    for last, at in enumerate(ordered):
        while at - ordered[first] >= window_us:
            first += 1
        most = max(most, last - first + 1)
    return most
