"""Time from the start of a process to its first ready answer, and its memory then: this gateway and LiteLLM's server.

    ./inv dev.bench ready [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.ready [--rounds 5] [--json]

Both are started in turns, one at a time, on the same Redis and the same stand-in for the provider. Ready means
/health/readiness answers 200. Memory is the resident set of the process and its children.
"""

from __future__ import annotations

import argparse
import json
import time
from statistics import median
from typing import Any

from tests.bench.gateway.stock import stock
from tests.bench.process_tree import resident_mb
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, Sink

MOST_S = 3.2
"""The goal for the gateway, in seconds, on a machine that does nothing else."""


def run(rounds: int) -> dict[str, dict[str, Any]]:
    """Start each server so many times, in turns."""
    seconds: dict[str, list[float]] = {"gateway": [], "stock": []}
    memory: dict[str, list[float]] = {"gateway": [], "stock": []}
    with ValkeyServer() as valkey, Provider() as provider, Sink() as sink:
        for _ in range(rounds):
            began = time.perf_counter()
            with GatewayProcess(
                redis_url=valkey.url, provider_url=provider.base_url, provider_key=provider.key, langfuse_url=sink.url
            ) as gateway:
                seconds["gateway"].append(time.perf_counter() - began)
                assert gateway.process is not None
                memory["gateway"].append(resident_mb(gateway.process.pid))
            began = time.perf_counter()
            with stock(valkey, provider, sink.url) as (_, _, pid):
                seconds["stock"].append(time.perf_counter() - began)
                memory["stock"].append(resident_mb(pid))
    return {
        name: {
            "ready_s": round(median(seconds[name]), 2),
            "ready_s_least_most": [round(min(seconds[name]), 2), round(max(seconds[name]), 2)],
            "resident_mb": round(median(memory[name])),
        }
        for name in seconds
    }


def main() -> int:
    """Run the benchmark; see the module's description. Exit code 1: the goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = run(options.rounds)
    met = figures["gateway"]["ready_s"] <= MOST_S
    if options.json:
        print(json.dumps({**figures, "goal_s": MOST_S, "met": met}, indent=2))
    else:
        for name, shown in figures.items():
            least, most = shown["ready_s_least_most"]
            print(f"{name:8} ready after {shown['ready_s']:6.2f} s ({least} to {most}), {shown['resident_mb']} MB")
        print(f"goal {MOST_S} s: {'met' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
