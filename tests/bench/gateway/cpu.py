"""CPU and wall time of a cached answer and of a miss: this gateway against LiteLLM's own server.

    ./inv dev.bench cpu [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.cpu [--rounds 5] [--requests 60] [--json]

Both run at the same time as processes of their own, on the same Redis, the same stand-in for the provider and the
same receiver for traces, and are asked in turns, one request at a time. LiteLLM's server gets its own Redis cache,
its own key check and its own Langfuse callback, and no limits; this gateway does all it does in production.
CPU is user and system time of the server process and its children, from /proc.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import yaml

from tests.gateway.valkey_server import ValkeyServer, free_port
from tests.integration.gateway.harness import GatewayProcess, Provider, Sink, configuration, wait_until

STOCK_READY_S = 240.0
WARM_UP = 20


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
    ask: Callable[[int], None]
    series: Series = field(default_factory=Series)

    def measure(self, first: int, count: int) -> None:
        before = cpu_ms(self.pid)
        for number in range(first, first + count):
            began = time.perf_counter()
            self.ask(number)
            self.series.wall_ms.append((time.perf_counter() - began) * 1000)
        self.series.cpu_ms.append((cpu_ms(self.pid) - before) / count)


def cpu_ms(pid: int) -> float:
    """User and system time of a process and its living children so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0
    for each in [pid, *_children(pid)]:
        with contextlib.suppress(FileNotFoundError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += sum(int(value) for value in fields[11:15])
    return total * 1000 / ticks


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError):
            found += [int(child) for child in task.read_text().split()]
    return found


@contextlib.contextmanager
def stock(valkey: ValkeyServer, provider: Provider, sink: Sink) -> Iterator[tuple[str, str, int]]:
    """LiteLLM's own server with its Redis cache; yields its URL, its key and its process id."""
    port, key = free_port(), f"sk-{secrets.token_hex(16)}"
    config = {
        "model_list": configuration()["model_list"],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {
            "telemetry": False,
            "cache": True,
            "cache_params": {"type": "redis", "url": valkey.url, "ttl": 86400},
            "callbacks": ["langfuse_otel"],
        },
        "general_settings": {"master_key": key},
    }
    with tempfile.TemporaryDirectory(prefix="stock-") as folder:
        path = Path(folder) / "config.yaml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "UPSTREAM_OPENAI_BASE_URL": provider.base_url,
            "UPSTREAM_OPENAI_API_KEY": provider.key,
            "LANGFUSE_HOST": sink.url,
            "LANGFUSE_OTEL_HOST": sink.url,
            "LANGFUSE_PUBLIC_KEY": f"pk-lf-{secrets.token_hex(8)}",
            "LANGFUSE_SECRET_KEY": f"sk-lf-{secrets.token_hex(8)}",
        }
        command = [str(Path(sys.executable).with_name("litellm")), "--config", str(path)]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
            try:
                _wait(f"http://127.0.0.1:{port}/health/liveliness", process, Path(folder) / "log")
                yield f"http://127.0.0.1:{port}", key, process.pid
            finally:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=20)
                process.kill()
                process.wait(timeout=5)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STOCK_READY_S
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=5).status_code == 200:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"LiteLLM's server did not come up:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.2)


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
        stock(valkey, provider, sink) as (stock_url, stock_key, stock_pid),
        gateway.client("prod_background") as plain,
        gateway.client("admin") as semantic,
        httpx.Client(base_url=stock_url, headers={"Authorization": f"Bearer {stock_key}"}, timeout=30) as theirs,
    ):
        assert gateway.process is not None
        ours = gateway.process.pid

        def asking(client: httpx.Client, question: Callable[[int], str], cache: str | None) -> Callable[[int], None]:
            def ask(number: int) -> None:
                message = {"role": "user", "content": question(number)}
                body = {"model": "gpt-4o-mini", "messages": [message], "max_tokens": 64}
                answer = client.post("/v1/chat/completions", json=body)
                answer.raise_for_status()
                if cache is not None and answer.headers["x-gateway-cache"] != cache:
                    raise RuntimeError(f"{answer.headers['x-gateway-cache']} instead of {cache}")
                if cache is None and ("x-litellm-cache-key" in answer.headers) != (question(0) == question(1)):
                    raise RuntimeError("LiteLLM's server did not do what was measured")

            return ask

        def same(_: int) -> str:
            return "What is the return policy?"

        def new(number: int) -> str:
            return f"Tell me about order {secrets.token_hex(8)} of day {number}"

        cases = [
            Case("stock hit", stock_pid, asking(theirs, same, None)),
            Case("gateway hit", ours, asking(plain, same, "exact")),
            Case("stock miss", stock_pid, asking(theirs, new, None)),
            Case("gateway miss", ours, asking(plain, new, "miss")),
            Case("gateway miss, semantic tier on", ours, asking(semantic, new, "miss")),
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
        },
    }


MOST = {"hit": 0.5, "miss": 1.15}
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
