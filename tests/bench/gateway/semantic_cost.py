# ruff: noqa: E402
"""What the semantic tier costs: time of a lookup, bytes in Redis per entry, time to rebuild, time to reach others.

    ./inv dev.bench semantic_cost [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.semantic_cost [--json] [--entries 10000]

A real Redis-compatible server, one partition, embeddings of 1024 dimensions made up in clusters (no embedding call is
timed). Exit code 1: a goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
GATEWAY = HERE.parents[2] / "fly" / "hotdash-llm-gateway"
if str(GATEWAY) not in sys.path:
    sys.path.insert(0, str(GATEWAY))

import llm_gateway  # noqa: F401  (before numpy: it says how many threads numpy may use)
import numpy as np
from llm_gateway.cache.aliases import Aliases
from llm_gateway.cache.keys import Partition, partition
from llm_gateway.cache.ledger import Ledger
from llm_gateway.cache.mirror import Mirror
from llm_gateway.cache.semantic import SemanticCache
from llm_gateway.cache.zones import Thresholds
from llm_gateway.store import Store
from numpy.typing import NDArray

from tests.bench.gateway.goals import tell
from tests.gateway.semantic_gateways import answer
from tests.gateway.valkey_server import ValkeyServer

DIMENSIONS = 1024
TTL_S = {"exact": 86400, "semantic": 604800, "verdict": 604800}
ANSWER = "You may return any item within thirty days. " * 8
LOOKUPS = 400


def part(question: str) -> Partition:
    found = partition({"messages": [{"role": "user", "content": question}]}, team="a", model="m")
    if found is None:
        raise ValueError(question)
    return found


def vectors(count: int) -> NDArray[np.float32]:
    random = np.random.default_rng(3)
    topics = random.standard_normal((max(1, count // 50), DIMENSIONS))
    made = topics[random.integers(0, len(topics), count)] + 0.5 * random.standard_normal((count, DIMENSIONS))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


async def measure(url: str, entries: int) -> dict[str, float]:
    """All figures, in milliseconds, seconds and bytes."""

    def gateway() -> tuple[Store, Mirror, SemanticCache]:
        store = Store(url, prefix="gw:", timeout_s=5)
        ledger = Ledger(store, prefix="gw:", bytes_per_team=1 << 30, ttl_s=TTL_S)  # type: ignore[arg-type]
        mirror = Mirror(url, prefix="gw:", teams=["a"], ttl_s=TTL_S["semantic"])
        cache = SemanticCache(
            ledger, lambda: mirror.index, None, thresholds=Thresholds(0.9, 0.9), aliases=Aliases(()),
            space="bench", embed_timeout_s=1,
        )  # fmt: skip
        return store, mirror, cache

    made = vectors(entries)
    questions = [f"Where can I find article number {number} of the handbook, please?" for number in range(entries)]
    store, mirror, cache = gateway()
    follower = asyncio.create_task(mirror.run())
    await mirror.synced.wait()
    other_store, other, _ = gateway()
    other_follower = asyncio.create_task(other.run())
    await other.synced.wait()
    before = int((await store.redis.info("memory"))["used_memory"])
    put_ms = []
    for question, vector in zip(questions, made, strict=True):
        began = time.perf_counter()
        await cache.put(part(question), vector, answer(ANSWER))
        put_ms.append((time.perf_counter() - began) * 1e3)
    after = int((await store.redis.info("memory"))["used_memory"])
    accounted = int(await store.call("GET", "gw:used:{a}"))
    answer_bytes = len(json.dumps(answer(ANSWER), separators=(",", ":")))

    while len(other.index) < entries:
        await asyncio.sleep(0.005)
    seen_ms = []
    for number in range(20):
        began = time.perf_counter()
        await cache.put(part(f"fresh {number}"), made[number], answer(ANSWER))
        while len(other.index) < entries + number + 1:
            await asyncio.sleep(0.001)
        seen_ms.append((time.perf_counter() - began) * 1e3)

    random = np.random.default_rng(4)
    hit_ms, miss_ms = [], []
    cpu_began = time.process_time()
    for _ in range(LOOKUPS):
        number = int(random.integers(entries))

        async def known(text: str, number: int = number) -> NDArray[np.float32]:
            return made[number]

        began = time.perf_counter()
        found = await cache.lookup(part(questions[number]), known)
        hit_ms.append((time.perf_counter() - began) * 1e3)
        if found.hit is None:
            raise RuntimeError("a stored question was not found")
        began = time.perf_counter()
        found = await cache.lookup(part("Is there a lift in the building?"), known)
        miss_ms.append((time.perf_counter() - began) * 1e3)
        if found.hit is not None:
            raise RuntimeError("a different question was served")

    cpu_ms = (time.process_time() - cpu_began) * 1e3 / (2 * LOOKUPS)
    late_store, late, _ = gateway()
    began = time.perf_counter()
    late_follower = asyncio.create_task(late.run())
    longest_stall, last = 0.0, time.perf_counter()
    while not late.synced.is_set():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest_stall, last = max(longest_stall, now - last), now
    rebuilt_s = time.perf_counter() - began
    for task in (follower, other_follower, late_follower):
        task.cancel()
    await asyncio.gather(follower, other_follower, late_follower, return_exceptions=True)
    for each in (store, other_store, late_store):
        await each.close()
    return {
        "entries": entries,
        "lookup hit p50 ms": float(np.percentile(hit_ms, 50)),
        "lookup hit p95 ms": float(np.percentile(hit_ms, 95)),
        "lookup miss p50 ms": float(np.percentile(miss_ms, 50)),
        "lookup miss p95 ms": float(np.percentile(miss_ms, 95)),
        "lookup CPU ms": cpu_ms,
        "put p50 ms": float(np.percentile(put_ms, 50)),
        "bytes per entry besides the answer": (after - before) / entries - answer_bytes,
        "bytes per entry by the account": accounted / entries - answer_bytes,
        "seen by another gateway, slowest ms": max(seen_ms),
        "rebuild s": rebuilt_s,
        "longest stall of requests while rebuilding ms": longest_stall * 1e3,
    }


GOALS = {
    "lookup hit p95 ms": 5.0,
    "lookup miss p95 ms": 5.0,
    "bytes per entry besides the answer": 1500.0,
    "seen by another gateway, slowest ms": 1000.0,
    "rebuild s": 2.0,
}


def main() -> int:
    """Run the benchmark; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--entries", type=int, default=10_000)
    asked = parser.parse_args()
    with ValkeyServer() as server:
        figures = asyncio.run(measure(server.url, asked.entries))
    return tell(figures, GOALS, as_json=asked.json)


if __name__ == "__main__":
    raise SystemExit(main())
