"""A steady rate of mixed traffic over a long time: what failed, and what the gateways and Redis took meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.integration.gateway.harness import wait_until
from tests.load import mix, sending
from tests.load.edged import Edged
from tests.load.measuring import MIB, Sample, percentile, sample
from tests.load.mix import ANSWERED, Asked
from tests.load.sending import HITS, Sent

BYTES_PER_TEAM = MIB // 2
"""What the caches of a team may take: little, so that they are full, and throwing away, long before `EARLY_MIN`."""
FILLING = 3000
"""Requests that are sent as fast as they are answered before the time begins, to fill the caches."""
EARLY_MIN = 3.0
"""From when on nothing may grow, in minutes."""
EVERY_S = 10.0
GROWS, FEW_FDS = 1.10, 8
TRACES_WITHIN_S = 60.0


@dataclass(frozen=True)
class Heard:
    """What is kept of a request: when it was sent, how long it took, its answer's tier, and what was wrong."""

    at: float
    took_s: float
    outcome: str
    tier: str
    wrong: str

    @classmethod
    def of(cls, sent: Sent) -> Heard:
        tier = sent.answer.headers.get("x-gateway-cache", "") if sent.answer is not None else ""
        return cls(sent.at, sent.took_s, sent.outcome, tier, sent.wrong)


@dataclass
class Soak:
    """All that was seen.

    Attributes:
        began: the beginning, by the monotonic clock.
        traces: sent, lost and waiting at the end, of all gateways since they started.
        asked: how many requests there were since then.
    """

    minutes: float
    began: float = 0.0
    heard: list[Heard] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    traces: Counter[str] = field(default_factory=Counter)
    asked: int = 0

    def figures(self) -> dict[str, Any]:
        """For a person or a program."""
        answered = [each for each in self.heard if each.outcome == ANSWERED and not each.wrong]
        early, late = self._around(min(EARLY_MIN, self.minutes / 2)), self._around(self.minutes)
        return {
            "minutes": self.minutes,
            "requests": len(self.heard),
            "outcomes": dict(Counter(each.outcome for each in self.heard)),
            "ours": dict(Counter(each.wrong[:100] for each in self.heard if each.wrong)),
            "hit_rate": sum(each.tier in HITS for each in answered) / max(1, len(answered)),
            "p50_ms": percentile([each.took_s for each in answered], 0.50) * 1000,
            "p95_ms": percentile([each.took_s for each in answered], 0.95) * 1000,
            "slowest_s": max((each.took_s for each in self.heard), default=0.0),
            "early": _taken(early),
            "late": _taken(late),
            "traces": dict(self.traces),
        }

    def missed(self) -> list[str]:
        """The goals that were missed."""
        figures = self.figures()
        early, late = figures["early"], figures["late"]
        found = [f"{count} x {why}" for why, count in figures["ours"].items()]
        for name in ("rss_mib", "redis_mib"):
            for before, after in zip(early[name], late[name], strict=True):
                if after > before * GROWS:
                    found.append(f"{name} grew from {before:.1f} to {after:.1f}")
        for before, after in zip(early["fds"], late["fds"], strict=True):
            if after > before * GROWS + FEW_FDS:
                found.append(f"file descriptors grew from {before} to {after}")
        if self.traces["lost"] or self.traces["sent"] < self.asked:
            found.append(f"traces: {dict(self.traces)} of {self.asked} requests")
        return found

    def _around(self, minute: float) -> list[Sample]:
        """The samples of a minute's length around a moment, or up to the end."""
        end = min(self.minutes, minute + 0.5) * 60
        return [each for each in self.samples if end - 60 <= each.at <= end + EVERY_S]


def _taken(samples: Sequence[Sample]) -> dict[str, list[float]]:
    def each(name: str, unit: int = 1) -> list[float]:
        return [statistics.median(column) / unit for column in zip(*(getattr(at, name) for at in samples), strict=True)]

    return {
        "rss_mib": each("rss", MIB),
        "fds": each("fds"),
        "redis_mib": [statistics.median(at.redis_bytes for at in samples) / MIB],
        "redis_keys": [statistics.median(at.redis_keys for at in samples)],
    }


async def soak(
    stage: Edged, minutes: float, a_second: float, *, filling: int = FILLING, every_s: float = EVERY_S
) -> Soak:
    """Fill the caches, then send at the rate for so long, and look again and again."""
    seen = Soak(minutes)
    day = list(mix.day(filling + round(minutes * 60 * a_second), seed=1))
    early = Soak(0.0)
    await _send(stage, day[:filling], early, 0.0)
    seen.began = time.monotonic()
    looking = asyncio.create_task(_look(stage, seen, every_s))
    await _send(stage, day[filling:], seen, a_second)
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking
    seen.samples.append(await asyncio.to_thread(_sample, stage, seen))
    seen.heard += [each for each in early.heard if each.wrong]
    seen.asked = len(day)
    await asyncio.to_thread(wait_until, lambda: traces(stage)["waiting"] == 0, TRACES_WITHIN_S)
    seen.traces = traces(stage)
    return seen


def traces(stage: Edged) -> Counter[str]:
    """What the gateways say of theirs, together."""
    found = Counter[str]()
    for gateway in stage.gateways:
        with gateway.operator() as operator:
            found.update(operator.get("/gateway/admin/status").raise_for_status().json()["traces"])
    return found


async def _send(stage: Edged, day: Sequence[Asked], seen: Soak, a_second: float) -> None:
    await sending.send_on(
        stage.url, stage.keys, day, lambda sent: seen.heard.append(Heard.of(sent)), a_second=a_second, host=stage.domain
    )


async def _look(stage: Edged, seen: Soak, every_s: float) -> None:
    while True:
        seen.samples.append(await asyncio.to_thread(_sample, stage, seen))
        await asyncio.sleep(every_s)


def _sample(stage: Edged, seen: Soak) -> Sample:
    pids = [gateway.process.pid for gateway in stage.gateways if gateway.process is not None]
    with stage.valkey.client() as redis:
        return sample(time.monotonic() - seen.began, pids, redis)
