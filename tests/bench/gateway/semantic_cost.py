# ruff: noqa: E402
"""What the semantic tier costs: time of a lookup, bytes in Redis per entry, time to read everything anew.

    ./inv dev.bench semantic_cost [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.semantic_cost [--json] [--entries 10000]

The gateway's tier on a real Redis-compatible server, one partition, embeddings of 1024 dimensions made up in clusters.
No embedding and no verdict is timed: the judge says no at once. What a lookup with two verdicts takes beyond the others
is theirs (reserved, booked, learned from), so it has no goal. Goals are on CPU time, so that a busy machine does not
matter: a lookup's in the gateway, with its share of the server's; and a stall's, which is what passes between two turns
of the event loop. Time as it passes is told by round: the quietest, the median, the worst. Exit code 1: a goal was
missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

HERE = Path(__file__).resolve().parent
GATEWAY = HERE.parents[2] / "fly" / "hotdash-llm-gateway"
if str(GATEWAY) not in sys.path:
    sys.path.insert(0, str(GATEWAY))

import llm_gateway  # noqa: F401  (before numpy: it says how many threads numpy may use)
import numpy as np
from llm_gateway import startup
from llm_gateway.api.chat_answer import ChatAnswers
from llm_gateway.cache.embedding import Embedder
from llm_gateway.cache.entry_store import EntryStore
from llm_gateway.cache.index_replica import IndexReplica
from llm_gateway.cache.keys import CacheKey
from llm_gateway.cache.purge import purge_team
from llm_gateway.cache.semantic_tier import SemanticTier
from llm_gateway.config import Embedding
from llm_gateway.limits.limiter import Limiter
from llm_gateway.limits.pricing import Spend
from llm_gateway.limits.tokens import encoding
from llm_gateway.outcome import Outcome
from llm_gateway.store import Store
from llm_gateway.upstream import provider as upstream
from numpy.typing import NDArray

from tests.bench.gateway.goals import tell
from tests.gateway.cache.semantic_gateways import Provider, Reservations, answer, ask_part, config
from tests.gateway.valkey_server import ValkeyServer

DIMENSIONS = 1024
TTL_S = {"exact": 86400, "semantic": 604800, "verdict": 604800}
ANSWER = "You may return any item within thirty days. " * 8
REFUSED = "Where do I find what the handbook says, please?"
ROUNDS, LOOKUPS = 12, 40
"""Of each kind; a round is short enough to fall between what else the machine does."""


class Given(Provider):
    """A provider whose embeddings are made beforehand."""

    vector: NDArray[np.float32]

    async def embed(self, text: str) -> tuple[NDArray[np.float32], Spend]:
        return self.vector, Spend()


class Stalls:
    """The longest CPU time between two turns of the event loop, in ms, while it is entered."""

    def __init__(self) -> None:
        self.longest_ms = 0.0

    async def __aenter__(self) -> Stalls:
        self._watch = asyncio.create_task(self._watching())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)

    async def _watching(self) -> None:
        last = time.thread_time()
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            self.longest_ms, last = max(self.longest_ms, (now - last) * 1e3), now


def vectors(count: int) -> NDArray[np.float32]:
    random = np.random.default_rng(3)
    topics = random.standard_normal((max(1, count // 50), DIMENSIONS))
    made = topics[random.integers(0, len(topics), count)] + 0.5 * random.standard_normal((count, DIMENSIONS))
    return cast(NDArray[np.float32], (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32))


def spelt(number: int) -> str:
    """A number in letters, so that no veto sees it."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


async def info(store: Store, section: str) -> dict[str, str]:
    """What the server says of itself."""
    lines = (await store.call("INFO", section)).decode().splitlines()
    return {name: value for name, _, value in (line.partition(":") for line in lines)}


async def server_cpu_s(store: Store) -> float:
    """CPU seconds that the server has taken."""
    told = await info(store, "cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


async def measure(url: str, entries: int) -> dict[str, float]:
    """All figures, in milliseconds, seconds and bytes."""
    settings = replace(config(prefix="gw:"), embedding=Embedding("e", DIMENSIONS, 2.0))
    assert settings.cache.semantic is not None
    encoding()
    startup.settle()  # As the gateway does before it serves: else the collector walks all of LiteLLM now and then.
    store = Store(url, prefix="gw:", timeout_s=10)
    entry_store = EntryStore(store, prefix="gw:", bytes_per_team=1 << 30, ttl_s=TTL_S)  # type: ignore[arg-type]
    provider = Given(says="no")
    tier = SemanticTier(
        settings,
        settings.cache.semantic,
        store=store,
        entry_store=entry_store,
        embedder=cast(Embedder, provider),
        upstream=cast(upstream.Provider, provider),
        limiter=cast(Limiter, Reservations()),
        count=lambda team, name, value: None,
        keepable=ChatAnswers().keepable,
    )

    async def look(question: str, vector: NDArray[np.float32]) -> Any:
        part = ask_part(question)
        outcome = Outcome(settings.teams["a"], model="m")
        provider.vector = vector
        return await tier.lookup(part, outcome)

    made = vectors(entries)
    questions = [f"Where can I find article number {number} of the handbook, please?" for number in range(entries)]
    before = int((await info(store, "memory"))["used_memory"])
    put_ms = []
    for question, vector in zip(questions, made, strict=True):
        part = ask_part(question)
        began = time.perf_counter()
        await tier.keep(
            part, vector, answer(ANSWER), Outcome(settings.teams["a"]), ttl_s=None, exact=CacheKey("a", question)
        )
        put_ms.append((time.perf_counter() - began) * 1e3)
    after = int((await info(store, "memory"))["used_memory"])
    accounted = int(await store.call("GET", "gw:used:{a}"))
    answer_bytes = len(json.dumps(answer(ANSWER), separators=(",", ":")))

    late, began = IndexReplica(store, prefix="gw:", teams=["a"]), time.perf_counter()
    async with Stalls() as rebuilding:
        await late.sync("a")
    rebuilt_s = time.perf_counter() - began
    await tier.replica.sync("a")

    random = np.random.default_rng(4)
    kinds: dict[str, Callable[[int], str]] = {
        "known wording": lambda number: questions[number].removesuffix("?"),
        "vetoed": lambda number: f"Where do I find the handbook's article number {entries + number}?",
        "refused before": lambda number: REFUSED,
        "not worth asking": lambda number: "Where do I find what the handbook tells us, please?",
        "judged twice": lambda number: f"Where do I find what the handbook says on {spelt(number)}, please?",
    }

    async def asked(name: str, round_number: int) -> list[tuple[float, float]]:
        """One round of lookups of a kind: the time and the CPU time of each, in seconds."""
        samples, open_bands = [], 10_000 * (name == "judged twice")
        await teach(open_bands)
        for at in range(LOOKUPS):
            number = int(random.integers(entries)) if name != "judged twice" else round_number * LOOKUPS + at
            vector = made[{"known wording": number, "refused before": 0}.get(name, int(random.integers(entries)))]
            began, cpu = time.perf_counter(), time.thread_time()
            found = await look(kinds[name](number), vector)
            samples.append((time.perf_counter() - began, time.thread_time() - cpu))
            if (found.hit is not None) != (name == "known wording"):
                raise RuntimeError(f"{name}: {kinds[name](number)!r} was {'served' if found.hit else 'not found'}")
        await teach(-open_bands)
        return samples

    async def teach(right: int) -> None:
        """Labels with which asking pays at every similarity, or without them."""
        for percent in range(100) if right else ():
            await tier.labels.add("a", percent / 100, "doubt", right=right)

    refused = ask_part(REFUSED)
    for _, near in (await tier.replica.sync("a")).nearest(tier.answers.partition_id(refused), made[0], 100):
        await tier.labels.refuse("a", tier.answers.wording_id(refused), near.entry, near.stamp)

    taken: dict[str, list[list[tuple[float, float]]]] = {name: [] for name in kinds}
    server: Counter[str] = Counter()
    for round_number in range(ROUNDS):
        for name in kinds:
            before_s = await server_cpu_s(store)
            taken[name].append(await asked(name, round_number))
            server[name] += (await server_cpu_s(store) - before_s) / LOOKUPS / ROUNDS
    # By itself, since watching takes CPU time of its own.
    async with Stalls() as looking:
        for name in kinds:
            await asked(name, ROUNDS)
    figures: dict[str, float] = {"entries": entries}
    for name, rounds in taken.items():
        wall_ms = sorted(float(np.percentile([1e3 * wall for wall, _ in each], 95)) for each in rounds)
        cpu_ms = [1e3 * (cpu + server[name]) for each in rounds for _, cpu in each]
        figures |= {
            f"lookup, {name}: CPU p50 ms": float(np.percentile(cpu_ms, 50)),
            f"lookup, {name}: CPU p95 ms": float(np.percentile(cpu_ms, 95)),
            f"lookup, {name}: p95 ms, quietest round": wall_ms[0],
            f"lookup, {name}: p95 ms, median round": wall_ms[len(wall_ms) // 2],
            f"lookup, {name}: p95 ms, worst round": wall_ms[-1],
        }
    await purge_team(entry_store, "a")
    async with Stalls() as purging:
        left = len(await tier.replica.sync("a"))
    if left:
        raise RuntimeError(f"{left} entries are still known after a purge")
    await tier.close()
    await store.close()
    return figures | {
        "longest stall while looking up, CPU ms": looking.longest_ms,
        "put p50 ms": float(np.percentile(put_ms, 50)),
        "bytes per entry besides the answer": (after - before) / entries - answer_bytes,
        "bytes per entry by the account": accounted / entries - answer_bytes,
        "read everything anew s": rebuilt_s,
        "longest stall while reading anew, CPU ms": rebuilding.longest_ms,
        "longest stall while forgetting all, CPU ms": purging.longest_ms,
        "verdicts asked for": float(len(provider.cases)),
    }


GOALS = {
    "lookup, known wording: CPU p95 ms": 2.5,
    "lookup, vetoed: CPU p95 ms": 2.5,
    "lookup, refused before: CPU p95 ms": 2.5,
    "lookup, not worth asking: CPU p95 ms": 2.5,
    "longest stall while looking up, CPU ms": 10.0,
    "longest stall while reading anew, CPU ms": 10.0,
    "longest stall while forgetting all, CPU ms": 10.0,
    "bytes per entry besides the answer": 1700.0,
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
