"""What a month will have cost, from its whole days so far and the days before."""

from __future__ import annotations

import calendar
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean, stdev

LEAST_DAYS = 3
"""Whole days with which a range can be told."""
# Two-sided 90% points of Student's t by degrees of freedom; beyond the last it is the normal's.
_T90 = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812)
_NORMAL90 = 1.645


@dataclass(frozen=True)
class Forecast:
    """Dollars of a whole calendar month (UTC), with the range that holds in nine of ten if days go on as they did.

    Attributes:
        spent: in the month so far.
        days: whole days it is made from. Below `LEAST_DAYS` there is no range.
    """

    spent: float
    expected: float | None
    low: float | None
    high: float | None
    days: int


def forecast(by_day: Mapping[str, float], now: datetime) -> Forecast:
    """Forecast to the end of the month that `now` is in.

    Args:
        by_day: dollars of each day that is known (2026-11-28), today's so far included; a day without requests is
            there with 0. Days of the month before count for the mean of a day, not for what was spent.
    """
    now = now.astimezone(UTC)
    today, month = f"{now:%Y-%m-%d}", f"{now:%Y-%m}"
    spent = math.fsum(usd for name, usd in by_day.items() if name.startswith(month))
    whole = [usd for name, usd in sorted(by_day.items()) if name < today]
    if not whole:
        return Forecast(spent, None, None, None, 0)
    days = calendar.monthrange(now.year, now.month)[1]
    end = datetime(now.year, now.month, days, tzinfo=UTC) + timedelta(days=1)
    left = (end - now) / timedelta(days=1)
    expected = spent + mean(whole) * left
    if len(whole) < LEAST_DAYS:
        return Forecast(spent, expected, None, None, len(whole))
    freedom = len(whole) - 1
    t = _T90[freedom - 1] if freedom <= len(_T90) else _NORMAL90
    # The mean of a day is not known well, and the days to come vary by themselves.
    wide = t * stdev(whole) * math.sqrt(left * left / len(whole) + left)
    return Forecast(spent, expected, max(spent, expected - wide), expected + wide, len(whole))
