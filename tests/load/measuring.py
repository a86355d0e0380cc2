"""What a process and a Redis take, from outside."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from redis import Redis

MIB = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """At one moment: `at` in seconds from the beginning, bytes, and counts. By gateway in their order; Redis in all."""

    at: float
    rss: tuple[int, ...]
    fds: tuple[int, ...]
    redis_bytes: int
    redis_keys: int


def sample(at: float, pids: Sequence[int], redis: Redis) -> Sample:
    """Look once."""
    rss, fds = tuple(map(_rss, pids)), tuple(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids)
    return Sample(at, rss, fds, int(redis.info("memory")["used_memory"]), int(redis.dbsize()))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share of them does not pass; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _rss(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
