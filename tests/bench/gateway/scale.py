"""What a fleet of gateways asks of Redis, and where it ends: whole gateways on a real Redis, in virtual time.

    ./inv dev.bench scale [--gateways 50] [--rps 10000] [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.scale [--gateways 50] [--rps 10000] [--seconds 1] [--json]

Three parts:
- each kind of request by itself: commands, bytes and CPU of Redis;
- the whole fleet under the whole load for so many virtual seconds, with all that gateways do in the background, with
  the semantic cache and without it;
- what follows: the load at which each resource is used up, were the others without bounds; memory; the price.
Figures of CPU are of this machine. docs/scale.md says what they mean.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tomllib
import tracemalloc
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tests.bench.gateway.fleet import ROOT, Fleet, Used, fleet
from tests.gateway.valkey_server import ValkeyServer

from llm_gateway.cache.index import Index, Wording, quantise  # isort: skip  # fleet makes it importable

QUESTION = "Where can I find article number {} of the handbook, please?"
RESPELT = "where can I find article number {} of the handbook, please"
PARAPHRASE = "Please tell me where I find article number {} of the handbook"
MIX = {"exact hit": 0.25, "semantic hit": 0.05, "miss": 0.5, "miss, streamed": 0.2}
"""Of the load: hits as `success.cache_hit_rate` of the stack file has them."""
TICK_S, LATENCY_S, IDLE_S = 0.01, 0.5, 5.0
MONTH_S = 365.25 / 12 * 86400
GIGABIT = 125_000_000
MIRRORED, DIMENSIONS = 2_000, 1024
KEPT_FULL = 200_000


@dataclass(frozen=True)
class Kind:
    """What one request of a kind is to Redis.

    Attributes:
        sent: commands that the gateway sends, by name; `executed`: how many run, scripts' own included.
        received, told: bytes to and from Redis. cpu_us: microseconds of Redis's CPU.
        kept: by the account of a full cache, bytes that stay.
    """

    sent: dict[str, float]
    executed: float
    received: float
    told: float
    cpu_us: float
    kept: float = 0.0

    @property
    def commands(self) -> float:
        """How many commands the gateway sends."""
        return sum(self.sent.values())

    @classmethod
    def of(cls, used: Used, requests: int, kept: float = 0.0) -> Kind:
        sent = {name: count / requests for name, count in sorted(used.sent.items())}
        executed = sum(used.executed.values()) / requests
        return cls(sent, executed, used.received / requests, used.told / requests, used.cpu_s / requests * 1e6, kept)


async def kinds(server: ValkeyServer, count: int) -> dict[str, Kind]:
    """Each kind of request, so many times, by a gateway that does nothing else meanwhile."""
    found = {}
    async with fleet(server, 1, latency_s=0.0) as one:
        _quiet(one)
        asks: dict[str, tuple[str, dict[str, Any], str]] = {
            "miss": (QUESTION, {}, "miss"),
            "exact hit": (QUESTION, {}, "exact"),
            "semantic hit": (RESPELT, {}, "semantic"),
            "semantic hit, judged and checked": (PARAPHRASE, {}, "semantic"),
            "miss, streamed": (QUESTION.format("7{:06}"), {"stream": True}, "miss"),
            "miss, no cache": (QUESTION, {"cache": {"no-cache": True, "no-store": True}}, "bypass"),
        }
        for name, (text, more, tier) in asks.items():
            await _ask(one, text.format(0), tier, more)  # What is read once and remembered.
            before = one.reading()
            for number in range(1, count + 1):
                await _ask(one, text.format(number), tier, more)
            found[name] = Kind.of(one.since(before), count)
    return found


async def full(server: ValkeyServer, count: int) -> Kind:
    """A miss of a team whose budget is used up: as much goes as comes."""
    async with fleet(server, 1, latency_s=0.0, bytes_per_team=KEPT_FULL) as one:
        _quiet(one)
        team = one.teams[0]
        number = 0
        while int(one.redis.get(f"gw:used:{{{team}}}") or 0) < 0.95 * KEPT_FULL:
            await _ask(one, QUESTION.format(number), "miss", {})
            number += 1
        before = one.reading()
        for each in range(number, number + count):
            await _ask(one, QUESTION.format(each), "miss", {})
        account = int(one.redis.get(f"gw:used:{{{team}}}") or 0)
        entries = int(one.redis.xlen(f"gw:log:semantic:{{{team}}}"))
        return Kind.of(one.since(before), count, account / entries)


async def _ask(one: Fleet, text: str, tier: str, more: dict[str, Any]) -> None:
    (came,) = await one.done(asyncio.ensure_future(one.ask(0, one.teams[0], text, **more)))
    semantic = one.gateways[0].semantic
    assert semantic is not None
    await semantic.close()  # The check of a hit, which comes after the answer.
    if came != tier:
        raise RuntimeError(f"{text!r} was answered by {came}, not by {tier}")


def _quiet(one: Fleet) -> None:
    """Let the gateways do nothing but answer."""
    for each in one.gateways:
        for task in each._background:
            task.cancel()


async def load(server: ValkeyServer, gateways: int, rps: int, seconds: float, *, semantic: bool) -> dict[str, float]:
    """So many virtual seconds of the whole fleet, once as many requests are open as will be."""
    async with fleet(server, gateways, latency_s=LATENCY_S, semantic=semantic) as all_of_them:
        hot = [QUESTION.format(f"{number} of the hot") for number in range(len(all_of_them.teams))]
        for team, question in zip(all_of_them.teams, hot, strict=True):
            await all_of_them.done(asyncio.ensure_future(all_of_them.ask(0, team, question)), step_s=TICK_S)
        idle = await _idle(all_of_them)
        sender = _Sender(all_of_them, rps, hot)
        await sender.send(LATENCY_S + 0.1)
        before = all_of_them.reading()
        await sender.send(seconds)
        used = all_of_them.since(before)
        came = await all_of_them.done(*sender.asked, step_s=TICK_S)
        if set(came) - {"exact", "semantic", "miss"}:
            raise RuntimeError(f"some were answered otherwise: { {name: came.count(name) for name in set(came)} }")
        team = all_of_them.teams[0]
        entries = sum(len(each.semantic.replica) for each in all_of_them.gateways if each.semantic) / gateways
        window = _window_bytes(all_of_them, team)
    return {
        "commands sent, per s": sum(used.sent.values()) / seconds,
        "commands executed, scripts' own included, per s": sum(used.executed.values()) / seconds,
        "MB to Redis, per s": used.received / seconds / 1e6,
        "MB from Redis, per s": used.told / seconds / 1e6,
        "Redis CPU, cores": used.cpu_s / seconds,
        "CPU of one gateway without HTTP, cores": used.client_cpu_s / seconds / gateways,
        "idle: commands, per s": sum(idle.sent.values()) / IDLE_S,
        "idle: MB from Redis, per s": idle.told / 1e6 / IDLE_S,
        "idle: Redis CPU, cores": idle.cpu_s / IDLE_S,
        "share of answers from a cache": sum(tier != "miss" for tier in came) / len(came),
        "entries mirrored by one gateway": entries,
        "bytes in Redis of a request in the window": window,
    }


async def _idle(all_of_them: Fleet) -> Used:
    """Virtual seconds without a request."""
    before = all_of_them.reading()
    for _ in range(round(IDLE_S / TICK_S)):
        await all_of_them.turn(TICK_S)
    return all_of_them.since(before)


def _window_bytes(all_of_them: Fleet, team: str) -> float:
    """What a request that is in the minute's window takes, by team."""
    keys = [f"gw:limits:{{{team}}}:{part}" for part in ("req", "tok")]
    size = sum(int(all_of_them.redis.memory_usage(key, samples=0) or 0) for key in keys)
    return size / max(1, int(all_of_them.redis.zcard(keys[0])))


class _Sender:
    """Sends the mix, evenly over time, teams and gateways."""

    def __init__(self, all_of_them: Fleet, rps: int, hot: list[str]) -> None:
        self._to, self._rps, self._hot = all_of_them, rps, hot
        self._chance = np.random.default_rng(1)
        self._owed, self._number = 0.0, 0
        self.asked: list[asyncio.Future[str]] = []

    async def send(self, seconds: float) -> None:
        """Let so much virtual time pass, with its requests."""
        for _ in range(round(seconds / TICK_S)):
            self._owed += self._rps * TICK_S
            while self._owed >= 1:
                self._owed -= 1
                self._one()
            await self._to.turn(TICK_S)

    def _one(self) -> None:
        self._number += 1
        kind = str(self._chance.choice(list(MIX), p=list(MIX.values())))
        at = self._number % len(self._to.teams)
        text = QUESTION.format(self._number)
        if kind == "exact hit":
            text = self._hot[at]
        elif kind == "semantic hit":
            text = self._hot[at].replace("Where", "where").rstrip("?") + "!" * (self._number % 5)
        more = {"stream": True} if kind == "miss, streamed" else {}
        # Every gateway has every team.
        gateway = self._number // len(self._to.teams) % len(self._to.gateways)
        self.asked.append(asyncio.ensure_future(self._to.ask(gateway, self._to.teams[at], text, **more)))


def mirror_bytes() -> float:
    """What an entry takes in a gateway's memory: its wording, its vector, its place in the index."""
    vectors = np.random.default_rng(1).standard_normal((MIRRORED, DIMENSIONS)).astype(np.float32)
    index = Index()
    tracemalloc.start()
    for number, vector in enumerate(vectors):
        ids = [f"{number:032x}" for _ in range(3)]
        index.put(
            Wording((number, 0), ids[0], "p" * 32, QUESTION.format(number), ids[1], ids[2]), quantise(vector).tobytes()
        )
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return taken / MIRRORED


def follows(whole: dict[str, float], gateways: int, rps: int) -> dict[str, float]:
    """Where each resource would be used up, the number of gateways staying as it is; what a million requests cost."""
    stack = tomllib.loads((ROOT / "ops" / "stack.toml").read_text())
    prices, groups, region = stack["fly"]["prices"], stack["fly"]["groups"], stack["fly"]["region"]
    plans = {name: prices["redis_plans"][name] / gb for name, gb in prices["redis_bandwidth_gb"].items()}

    def machine(cpus: int, memory_mb: int, **_: Any) -> float:
        further_gb = max(0.0, memory_mb / 1024 - cpus / 4)
        plain = cpus * prices["shared_cpu"] + further_gb * prices["memory_gb"]
        return float(plain * prices["region_markups"].get(region, 1.0))

    machines = machine(**groups["gateway"]) + machine(**groups["edge"])
    a_month = rps * MONTH_S / 1e6
    moved_gb = (whole["MB to Redis, per s"] + whole["MB from Redis, per s"]) / 1000 * MONTH_S

    def at(share: float, idle: float = 0.0) -> float:
        return rps * (1 - idle) / (share - idle)

    return {
        "Redis: one core is used up at rps": at(whole["Redis CPU, cores"], whole["idle: Redis CPU, cores"]),
        "Redis: a gigabit of network is used up at rps": at(whole["MB from Redis, per s"] * 1e6 / GIGABIT),
        "gateways: one core each is used up at rps": at(whole["CPU of one gateway without HTTP, cores"]),
        "MB in Redis for the minute's window": whole["bytes in Redis of a request in the window"] * rps * 60 / 1e6,
        "MB in Redis for the caches at most": stack["cache"]["bytes_per_team"] * len(stack["teams"]) / 1e6,
        "kB moved by Redis per request": moved_gb * 1e6 / (rps * MONTH_S),
        "USD per million requests: gateways and edges": gateways * machines / a_month,
        "USD per million requests: Redis, by its traffic": moved_gb * min(plans.values()) / a_month,
    }


def mirror(each: dict[str, Kind]) -> dict[str, float]:
    """How large a team's index is in each gateway's memory when the team's budget in Redis is used up."""
    budget = tomllib.loads((ROOT / "ops" / "stack.toml").read_text())["cache"]["bytes_per_team"]
    entries, size = budget / each["miss, full cache"].kept, mirror_bytes()
    return {
        "bytes per entry": size,
        "entries of a team at most": entries,
        "MB for a team at most": entries * size / 1e6,
    }


def main() -> int:
    """Measure, and say what follows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateways", type=int, default=50)
    parser.add_argument("--rps", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with ValkeyServer() as server:
        each = asyncio.run(kinds(server, 100))
    with ValkeyServer() as server:
        each["miss, full cache"] = asyncio.run(full(server, 100))
    parts = {"the mirror of the semantic cache in a gateway": mirror(each)}
    for semantic in (True, False):
        with ValkeyServer(maxmemory="4gb") as server:
            whole = asyncio.run(load(server, asked.gateways, asked.rps, asked.seconds, semantic=semantic))
        caches = "both caches" if semantic else "the exact cache alone"
        parts[f"{asked.gateways} gateways, {asked.rps} requests/s, {caches}"] = whole | follows(
            whole, asked.gateways, asked.rps
        )
    if asked.json:
        print(json.dumps({"kinds": {name: asdict(kind) for name, kind in each.items()}, **parts}, indent=2))
        return 0
    print(f"{'one request':24}{'sent':>6}{'executed':>10}{'B to Redis':>12}{'B from':>8}{'CPU us':>8}  commands")
    for name, kind in each.items():
        sent = ", ".join(f"{count:g} {command}" for command, count in kind.sent.items())
        row = f"{kind.commands:6.0f}{kind.executed:10.0f}{kind.received:12.0f}{kind.told:8.0f}{kind.cpu_us:8.0f}"
        print(f"{name:24}{row}  {sent}")
    for title, figures in parts.items():
        print(f"\n{title}")
        for name, value in figures.items():
            print(f"  {name:52}{value:14,.3f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
