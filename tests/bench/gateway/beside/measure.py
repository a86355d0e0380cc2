"""The measurement: all contenders stand at once, and are asked one after the other, round by round."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.bench.gateway.beside import load
from tests.bench.gateway.beside.contenders import PROCESSES, Contender, Place, Running
from tests.bench.gateway.beside.kinds import KINDS, Kind, requests
from tests.bench.process_tree import cpu_ms, resident_mb

WARM_UP = 40
FEW, MANY = 2, 32
"""Connections: where latency is measured, and where there is always more to do than can be done."""
REQUESTS, STREAMS = 100, 40
SATURATED_S = 1.0
WARM_S = 30.0

Say = Callable[[str], None]


@dataclass
class Series:
    """What was measured of one contender and one kind: an entry for each round."""

    cpu_ms: list[float] = field(default_factory=list)
    redis_ms: list[float] = field(default_factory=list)
    ms: list[list[float]] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Medians of the rounds with the least and the greatest; percentiles of all requests."""
        every = sorted(each for ms in self.ms for each in ms)
        return {
            "cpu_ms": spread(self.cpu_ms),
            "redis_cpu_ms": spread(self.redis_ms),
            "p50_ms": {**spread([percentile(sorted(ms), 50) for ms in self.ms]), "median": percentile(every, 50)},
            "p95_ms": percentile(every, 95),
            "p99_ms": percentile(every, 99),
            "per_s": spread(self.per_s),
            "requests": len(every),
        }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Least, median and greatest."""
    return {"min": min(values), "median": median(values), "max": max(values)}


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The least of the ordered values that so many percent of them do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def ready(contenders: Sequence[Contender], rounds: int, say: Say) -> dict[str, Any]:
    """Start one process of each, one at a time and in turns: seconds, of processor time too, and megabytes."""
    seconds, used, memory = defaultdict(list), defaultdict(list), defaultdict(list)
    for number in range(rounds):
        say(f"starts: round {number + 1} of {rounds}")
        for contender in in_turn(contenders, number):
            began = time.perf_counter()
            with contender.start() as running:
                seconds[contender.name].append(time.perf_counter() - began)
                used[contender.name].append(cpu_ms(running.pid) / 1000)
                memory[contender.name].append(resident_mb(running.pid))
    names = [contender.name for contender in contenders]
    return {
        name: {"ready_s": spread(seconds[name]), "cpu_s": spread(used[name]), "resident_mb": spread(memory[name])}
        for name in names
    }


def in_turn(contenders: Sequence[Contender], number: int) -> list[Contender]:
    """The order of a round: forwards, then backwards, so that none always follows the same other."""
    return list(contenders if number % 2 == 0 else reversed(contenders))


class Stand:
    """All contenders, started and warm."""

    def __init__(
        self,
        place: Place,
        contenders: Sequence[Contender],
        stack: contextlib.ExitStack,
        *,
        processes: int = PROCESSES,
    ) -> None:
        self.place, self.contenders = place, contenders
        self.running: dict[str, list[Running]] = {
            each.name: [stack.enter_context(each.start()) for _ in range(processes)] for each in contenders
        }
        self._blocks = 0

    def kinds_of(self, contender: Contender) -> list[Kind]:
        """What it can be asked."""
        return [kind for kind in KINDS if contender.has_cache or not kind.cached]

    def used(self, contender: Contender) -> tuple[float, float]:
        """Processor milliseconds so far, its own and the Redis server's."""
        own = sum(cpu_ms(running.pid) for running in self.running[contender.name])
        return own, cpu_ms(self.place.valkey.pid)

    async def ask(self, contender: Contender, kind: Kind, *, connections: int, **until: Any) -> load.Taken:
        """One block.

        Raises:
            RuntimeError: what reached the upstream is not what this kind sends there.
        """
        self._blocks += 1
        mark = f"b{self._blocks}" if kind.new else kind.name
        before = self._arrived(mark)
        taken = await load.block(
            [running.port for running in self.running[contender.name]],
            requests(kind, mark, contender.headers, contender.past_caches),
            kind.proof,
            connections=connections,
            streamed=kind.streamed,
            **until,
        )
        arrived, wanted = self._arrived(mark) - before, len(taken.ms) if kind.new else 0
        if arrived != wanted:
            raise RuntimeError(f"{contender.name}, {kind.name}: {arrived} requests reached the upstream, not {wanted}")
        return taken

    def _arrived(self, mark: str) -> int:
        with urllib.request.urlopen(f"{self.place.url}/counts", timeout=5) as answer:
            return int(json.load(answer).get(mark, 0))

    async def warm(self, contender: Contender, kind: Kind) -> None:
        """Ask until it does what is to be measured: what is cached is kept after the answer.

        Raises:
            RuntimeError: it does not come to that.
        """
        deadline = time.monotonic() + WARM_S
        while True:
            try:
                await self.ask(contender, kind, connections=FEW, requests=WARM_UP)
                return
            except RuntimeError:
                if kind.new or time.monotonic() > deadline:
                    raise


async def rounds(stand: Stand, number: int, say: Say) -> dict[str, dict[str, Series]]:
    """Measure all kinds of all contenders, so many times, in turns."""
    taken: dict[str, dict[str, Series]] = {kind.name: {} for kind in KINDS}
    for contender in stand.contenders:
        for kind in stand.kinds_of(contender):
            await stand.warm(contender, kind)
            taken[kind.name][contender.name] = Series()
    for each in range(number):
        say(f"load: round {each + 1} of {number}")
        for kind in KINDS:
            for contender in in_turn(stand.contenders, each):
                if contender.name in taken[kind.name]:
                    await one(stand, contender, kind, taken[kind.name][contender.name])
    return taken


async def one(stand: Stand, contender: Contender, kind: Kind, series: Series) -> None:
    """Few at once, for latency and processor time; then as many as it can."""
    own, redis = stand.used(contender)
    few = await stand.ask(contender, kind, connections=FEW, requests=STREAMS if kind.streamed else REQUESTS)
    own_after, redis_after = stand.used(contender)
    series.cpu_ms.append((own_after - own) / len(few.ms))
    series.redis_ms.append((redis_after - redis) / len(few.ms))
    series.ms.append(few.ms)
    many = await stand.ask(contender, kind, connections=MANY, seconds=SATURATED_S)
    series.per_s.append(len(many.ms) / many.seconds)


def ratios(series: dict[str, Series], ours: str) -> dict[str, Any]:
    """Each other's processor time and requests a second as a multiple of ours, from the two figures of each round."""
    mine = series[ours]
    return {
        name: {
            "cpu": spread([other / own for other, own in zip(theirs.cpu_ms, mine.cpu_ms, strict=True)]),
            "per_s": spread([other / own for other, own in zip(theirs.per_s, mine.per_s, strict=True)]),
        }
        for name, theirs in series.items()
        if name != ours
    }


def memory(stand: Stand) -> dict[str, float]:
    """Megabytes of one process of each, after all that was asked: the larger one."""
    return {name: max(resident_mb(each.pid) for each in running) for name, running in stand.running.items()}
