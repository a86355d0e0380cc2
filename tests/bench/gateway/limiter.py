"""How exactly the limiter holds the limits, over several processes on one Redis, at more than gateways can ask of it.

    ./inv dev.bench limiter [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.limiter [--window 3] [--json]

Whole gateways over HTTP are the benchmark `limits`. This one runs, with 50 concurrent clients in all:
- sliding windows: 1, 2 and 4 processes against one request limit, refused clients trying again after 10 ms. The most
  admissions in any window should be the limit, and room in it stay unused for about the clients' pause;
- kill -9: 4 processes spend a daily budget with bounded estimates, one is killed in the middle. Overshoot is what was
  really spent upstream (written down before each answer) beyond the budget;
- accuracy: the counter after 5,000 requests that end in every way, against the sum of what was really spent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
GATEWAY = ROOT / "fly" / "hotdash-llm-gateway"
sys.path[:0] = [str(ROOT), str(GATEWAY)]

from llm_gateway.limits.limiter import Limiter, Reservation  # noqa: E402
from llm_gateway.store import Store  # noqa: E402

from tests.gateway.valkey_server import ValkeyServer  # noqa: E402
from tests.gateway.windows import fullest  # noqa: E402

CLIENTS = 50
REQUEST_LIMIT = 100
BUDGET = 5_000_000
MIXED = 5_000
MUCH = 10**12


@dataclass(frozen=True)
class Team:
    name: str
    rpm: int
    tpm: int = MUCH
    daily_nano_usd: int = MUCH


async def with_limiter(
    prefix: str, gateways: int, window_s: float, team: Team, work: Callable[[Limiter], Awaitable[None]]
) -> None:
    store = Store(os.environ["BENCH_REDIS_URL"], prefix=prefix, timeout_s=1.0, breaker_open_s=1.0)
    limiter = Limiter(store, gateways=gateways, window_s=window_s)
    try:
        await store.start()
        await limiter.start([team])
        await work(limiter)
    finally:
        await limiter.close()
        await store.close()


async def hammer(limiter: Limiter, team: Team, clients: int, seconds: float, out: Path) -> None:
    """Clients that ask again and again; writes down the moment of each admission, and whether Redis decided it."""
    end, rows, asked = time.monotonic() + seconds, list[tuple[int, bool]](), 0

    async def client() -> None:
        nonlocal asked
        while time.monotonic() < end:
            asked += 1
            answer = await limiter.reserve(team, tokens=100, nano_usd=100)
            if isinstance(answer, Reservation):
                rows.append((answer.at, answer.shared))
                await limiter.settle(answer, tokens=60, nano_usd=60)
            else:
                await asyncio.sleep(0.01)

    await asyncio.gather(*(client() for _ in range(clients)))
    out.write_text(json.dumps({"rows": rows, "asked": asked}))


async def spend(limiter: Limiter, team: Team, clients: int, seconds: float, out: Path) -> None:
    """Clients that spend up to their estimate; what upstream would bill is on disk before it is settled."""
    end = time.monotonic() + seconds
    with out.open("a", buffering=1) as bills:

        async def client(chance: random.Random) -> None:
            while time.monotonic() < end:
                estimate = chance.randrange(1_000, 20_000)
                answer = await limiter.reserve(team, tokens=10, nano_usd=estimate)
                if isinstance(answer, Reservation):
                    cost = chance.randrange(estimate // 2, estimate + 1)
                    bills.write(f"{cost}\n")
                    await asyncio.sleep(chance.uniform(0, 0.05))
                    await limiter.settle(answer, tokens=10, nano_usd=cost)
                else:
                    await asyncio.sleep(0.01)

        await asyncio.gather(*(client(random.Random(f"{out.name}{n}")) for n in range(clients)))


async def mix(limiter: Limiter, team: Team, clients: int, out: Path) -> None:
    """Requests that end in every way a request can; `true` is what upstream would bill for them."""
    true, left = 0, MIXED
    kinds: dict[str, int] = {}

    async def one(chance: random.Random) -> None:
        nonlocal true
        kind = chance.choices(
            ["answer", "error", "cut", "timeout", "hit", "away", "judged"], [50, 10, 10, 5, 15, 5, 5]
        )[0]
        kinds[kind] = kinds.get(kind, 0) + 1
        if kind == "hit":
            await limiter.reserve(team, tokens=0, nano_usd=0)
            return
        if kind == "away":
            # The client hangs up while the limits are being asked: nothing must stay booked.
            asking = asyncio.create_task(limiter.reserve(team, tokens=2_000, nano_usd=900_000))
            for _ in range(chance.randrange(8)):
                await asyncio.sleep(0)
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                answer = await asking
                if isinstance(answer, Reservation):
                    await limiter.settle(answer, tokens=0, nano_usd=0)
            return
        estimate = chance.randrange(1_000, 1_000_000)
        answer = await limiter.reserve(team, tokens=2_000, nano_usd=estimate)
        if not isinstance(answer, Reservation):
            raise RuntimeError(f"refused: {answer}")
        cost = 0 if kind == "error" else estimate if kind == "timeout" else chance.randrange(estimate)
        if kind == "judged":
            extra = chance.randrange(5_000)
            await limiter.add(team, tokens=300, nano_usd=extra)
            true += extra
        await asyncio.sleep(chance.uniform(0, 0.004))
        settling = asyncio.create_task(limiter.settle(answer, tokens=1_000, nano_usd=cost))
        if kind == "cut":
            await asyncio.sleep(0)
            settling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await settling
        await limiter.settle(answer, tokens=1_000, nano_usd=estimate)  # a second settlement changes nothing
        true += cost

    async def client(chance: random.Random) -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await one(chance)

    await asyncio.gather(*(client(random.Random(n)) for n in range(clients)))
    await limiter.close()
    usage = await limiter.usage(team)
    out.write_text(
        json.dumps({"true": true, "counted": usage.spent_nano_usd, "open": usage.reserved_nano_usd, "kinds": kinds})
    )


async def worker(
    name: str, prefix: str, gateways: int, window_s: float, clients: int, seconds: float, out: Path
) -> None:
    """One gateway process of a benchmark."""
    if name == "hammer":
        team = Team("windows", REQUEST_LIMIT)
        await with_limiter(prefix, gateways, window_s, team, lambda lim: hammer(lim, team, clients, seconds, out))
    elif name == "spend":
        team = Team("budget", MUCH, MUCH, BUDGET)
        await with_limiter(prefix, gateways, window_s, team, lambda lim: spend(lim, team, clients, seconds, out))
    else:
        team = Team("mixed", MUCH)
        await with_limiter(prefix, gateways, window_s, team, lambda lim: mix(lim, team, clients, out))


def start(
    url: str, name: str, prefix: str, gateways: int, window_s: float, seconds: float, folder: Path
) -> list[tuple[subprocess.Popen[bytes], Path]]:
    """Start `gateways` processes that share the clients between them."""
    started = []
    for number in range(gateways):
        clients = CLIENTS // gateways + (number < CLIENTS % gateways)
        out = folder / f"{name}-{gateways}-{number}"
        command = [sys.executable, "-m", "tests.bench.gateway.limiter", "--worker", name, prefix, str(gateways)]
        command += [str(window_s), str(clients), str(seconds), str(out)]
        environment = {**os.environ, "BENCH_REDIS_URL": url}
        started.append((subprocess.Popen(command, cwd=ROOT, env=environment), out))
    return started


def finish(started: Sequence[tuple[subprocess.Popen[bytes], Path]]) -> None:
    for process, _ in started:
        if process.wait() not in (0, -signal.SIGKILL):
            raise RuntimeError("a gateway process of the benchmark failed")


def idle_us(times: list[int], window_us: int) -> int:
    """The longest that room in the window stayed unused while clients were waiting for it."""
    return max(later - earlier - window_us for earlier, later in zip(times, times[REQUEST_LIMIT:], strict=False))


def measure(window_s: float) -> dict[str, Any]:
    """Run everything and return the figures."""
    result: dict[str, Any] = {"limit": REQUEST_LIMIT, "window_s": window_s, "clients": CLIENTS, "windows": {}}
    with ValkeyServer() as server, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for gateways in (1, 2, 4):
            seconds = 3.5 * window_s if window_s < 20 else 1.5 * window_s
            started = start(server.url, "hammer", f"w{gateways}:", gateways, window_s, seconds, folder)
            finish(started)
            data = [json.loads(out.read_text()) for _, out in started]
            times = sorted(at for part in data for at, _ in part["rows"])
            window_us = round(window_s * 1e6)
            result["windows"][gateways] = {
                "most_in_any_window": fullest(times, window_us),
                "longest_room_unused_ms": idle_us(times, window_us) / 1000,
                "admitted": len(times),
                "windows_lasted": round((times[-1] - times[0]) / window_us, 2),
                "asked": sum(part["asked"] for part in data),
                "by_gateway": [len(part["rows"]) for part in data],
                "decided_without_redis": sum(not shared for part in data for _, shared in part["rows"]),
            }
        started = start(server.url, "spend", "k:", 4, 60, 8.0, folder)
        # In the middle: once a third of the budget is on the bills.
        while sum(bills(out) for _, out in started) < BUDGET // 3:
            if all(process.poll() is not None for process, _ in started):
                raise RuntimeError("the budget was never spent")
            time.sleep(0.02)
        started[0][0].kill()
        finish(started)
        billed = sum(bills(out) for _, out in started)
        with server.client() as redis:
            counted = next(
                int(value) for field, value in redis.hgetall("k:limits:{budget}:sum").items() if field.isdigit()
            )
            unsettled = sum(int(m.rpartition(b":")[2]) for m in redis.zrange("k:limits:{budget}:open", 0, -1))
        result["kill"] = {
            "budget": BUDGET,
            "billed": billed,
            "counted": counted,
            "left_at_estimate_by_the_killed": unsettled,
            "overshoot": max(0, billed - BUDGET),
        }
        started = start(server.url, "mix", "m:", 1, 60, 0, folder)
        finish(started)
        mixed = json.loads(started[0][1].read_text())
        error = abs(mixed["counted"] - mixed["true"]) / mixed["true"]
        result["mixed"] = {"requests": MIXED, **mixed, "relative_error": error}
    return result


def show(result: dict[str, Any]) -> None:
    """The figures as text."""
    print(f"{'gateways':>8}{'limit':>8}{'most in a window':>18}{'admitted':>10}{'asked':>10}{'room unused ms':>16}")
    for gateways, row in result["windows"].items():
        print(
            f"{gateways:8}{result['limit']:8}{row['most_in_any_window']:18}{row['admitted']:10}{row['asked']:10}"
            f"{row['longest_room_unused_ms']:16.1f}"
        )
    kill, mixed = result["kill"], result["mixed"]
    print(f"windows of {result['window_s']:g} s, {result['clients']} clients")
    print(f"kill -9: {kill['billed']} of {kill['budget']} nano-USD billed, overshoot {kill['overshoot']}")
    print(f"mixed: {mixed['requests']} requests, counter off by {mixed['relative_error']:.5%} (goal 0.1%)")


def bills(path: Path) -> int:
    return sum(int(line) for line in path.read_text().split()) if path.exists() else 0


def main() -> None:
    """Run the benchmark, or one gateway process of it (`--worker`, used by itself)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--window", type=float, default=3.0, help="sliding window in seconds (60 in production)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--worker", nargs=7, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        name, prefix, gateways, window_s, clients, seconds, out = given.worker
        asyncio.run(worker(name, prefix, int(gateways), float(window_s), int(clients), float(seconds), Path(out)))
        return
    result = measure(given.window)
    if given.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)
    exact = all(row["most_in_any_window"] == REQUEST_LIMIT for row in result["windows"].values())
    if not exact or result["kill"]["overshoot"] or result["mixed"]["relative_error"] > 0.001:
        sys.exit(1)


if __name__ == "__main__":
    main()
