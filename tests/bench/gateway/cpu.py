"""CPU and wall time of a cached answer and of a miss: this gateway against LiteLLM's own server.

    ./inv dev.bench cpu [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.cpu [--rounds 5] [--requests 60] [--json]

Both run at the same time as processes of their own, on the same Redis, the same stand-in for the provider and the
same receiver for traces, and are asked in turns, one request at a time. LiteLLM's server gets its own Redis cache,
its own key check and its own Langfuse callback, and no limits; this gateway does all it does in production.
CPU is user and system time of the server process and its children, by the kernel's clock of each process.
"""

from __future__ import annotations

import argparse
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import median, quantiles
from typing import Any

import httpx

from tests.bench.gateway.stock import stock
from tests.bench.process_tree import cpu_ms
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, Sink, configuration, wait_until

WARM_UP = 20


Ask = Callable[[int], None]


@dataclass
class Series:
    """What was measured of one case."""

    cpu_ms: list[float] = field(default_factory=list)
    wall_ms: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        return {
            "cpu_ms_per_request": round(median(self.cpu_ms), 2),
            "wall_ms_p50": round(median(self.wall_ms), 2),
            "wall_ms_p95": round(quantiles(self.wall_ms, n=20)[-1], 2),
            "requests": len(self.wall_ms),
        }


@dataclass
class Case:
    """One server asked in one way. `ask(n)` sends request number n and returns what its cache header says."""

    name: str
    pid: int
    ask: Ask
    series: Series = field(default_factory=Series)

    def measure(self, first: int, count: int) -> None:
        before = cpu_ms(self.pid)
        for number in range(first, first + count):
            began = time.perf_counter()
            self.ask(number)
            self.series.wall_ms.append((time.perf_counter() - began) * 1000)
        self.series.cpu_ms.append((cpu_ms(self.pid) - before) / count)


def _new(number: int) -> str:
    return f"Tell me about order {secrets.token_hex(8)} of day {number}"


def _answers_as_measured(case: Case) -> bool:
    try:
        case.ask(0)
    except RuntimeError:
        return False
    return True


def run(rounds: int, requests: int) -> dict[str, Any]:
    """Measure all cases in turns."""
    config = configuration()
    config["gateway"]["teams"]["prod_background"]["semantic"] = "off"
    with (
        ValkeyServer() as valkey,
        Provider() as provider,
        Sink() as sink,
        GatewayProcess(
            redis_url=valkey.url,
            provider_url=provider.base_url,
            provider_key=provider.key,
            config=config,
            langfuse_url=sink.url,
        ) as gateway,
        stock(valkey, provider, sink.url) as (stock_url, stock_key, stock_pid),
        gateway.client("prod_background") as plain,
        gateway.client("admin") as semantic,
        httpx.Client(base_url=stock_url, headers={"Authorization": f"Bearer {stock_key}"}, timeout=30) as theirs,
    ):
        # Else its sentence model, on the same cores, is measured too: it takes the caches of whoever waits for it.
        provider.reply(contains="Tell me about order", reply="It leaves tomorrow and arrives the day after.")
        assert gateway.process is not None
        ours = gateway.process.pid

        def asking(client: httpx.Client, path: str, body: Callable[[int], dict[str, Any]], cache: str | None) -> Ask:
            def ask(number: int) -> None:
                answer = client.post(path, json=body(number))
                answer.raise_for_status()
                if cache is not None and answer.headers["x-gateway-cache"] != cache:
                    raise RuntimeError(f"{answer.headers['x-gateway-cache']} instead of {cache}")
                if cache is None and ("x-litellm-cache-key" in answer.headers) != (body is same):
                    raise RuntimeError("LiteLLM's server did not do what was measured")

            return ask

        def question(text: str) -> dict[str, Any]:
            return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], "max_tokens": 64}

        def same(_: int) -> dict[str, Any]:
            return question("What are your opening hours?")

        def new(number: int) -> dict[str, Any]:
            return question(_new(number))

        def response(number: int) -> dict[str, Any]:
            return {"model": "gpt-4o-mini", "input": _new(number), "max_output_tokens": 64}

        def embedding(number: int) -> dict[str, Any]:
            return {"model": "text-embedding-3-large", "input": _new(number), "encoding_format": "base64"}

        chat, responses, embeddings = "/v1/chat/completions", "/v1/responses", "/v1/embeddings"
        cases = [
            Case("stock hit", stock_pid, asking(theirs, chat, same, None)),
            Case("gateway hit", ours, asking(plain, chat, same, "exact")),
            Case("stock miss", stock_pid, asking(theirs, chat, new, None)),
            Case("gateway miss", ours, asking(plain, chat, new, "miss")),
            Case("gateway miss, semantic tier on", ours, asking(semantic, chat, new, "miss")),
            Case("stock response", stock_pid, asking(theirs, responses, response, None)),
            Case("gateway response", ours, asking(plain, responses, response, "bypass")),
            Case("stock embedding", stock_pid, asking(theirs, embeddings, embedding, None)),
            Case("gateway embedding", ours, asking(plain, embeddings, embedding, "miss")),
        ]
        # Both write to their cache after the answer: asked again until it comes from there.
        for case in cases[:2]:
            wait_until(partial(_answers_as_measured, case))
        for case in cases:
            for number in range(WARM_UP):
                case.ask(number)
        for done in range(rounds):
            for case in cases:
                case.measure(done * requests, requests)
    shown = {case.name: case.series.summary() for case in cases}

    def ratio(ours: str, theirs: str) -> float:
        return round(shown[ours]["cpu_ms_per_request"] / shown[theirs]["cpu_ms_per_request"], 3)

    return {
        "cases": shown,
        "cpu_ratio": {
            "hit": ratio("gateway hit", "stock hit"),
            "miss": ratio("gateway miss", "stock miss"),
            "miss, semantic tier on": ratio("gateway miss, semantic tier on", "stock miss"),
            "response": ratio("gateway response", "stock response"),
            "embedding": ratio("gateway embedding", "stock embedding"),
        },
    }


MOST = {"hit": 0.09, "miss": 0.3}
"""The goals: CPU of ours as a share of LiteLLM's own server's."""


def main() -> int:
    """Run the benchmark; see the module's description. Exit code 1: a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=60, help="per case and round")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = run(options.rounds, options.requests)
    met = {name: figures["cpu_ratio"][name] <= most for name, most in MOST.items()}
    if options.json:
        print(json.dumps({**figures, "goals": met}, indent=2))
        return 0 if all(met.values()) else 1
    print(f"{'case':34}{'CPU ms':>9}{'p50 ms':>9}{'p95 ms':>9}{'requests':>10}")
    for name, shown in figures["cases"].items():
        print(
            f"{name:34}{shown['cpu_ms_per_request']:9.2f}{shown['wall_ms_p50']:9.2f}"
            f"{shown['wall_ms_p95']:9.2f}{shown['requests']:10.0f}"
        )
    for name, value in figures["cpu_ratio"].items():
        goal = f"   goal {MOST[name]}: {'met' if met[name] else 'missed'}" if name in MOST else ""
        print(f"CPU of a {name}: {value:.2f} of LiteLLM's own server{goal}")
    return 0 if all(met.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
