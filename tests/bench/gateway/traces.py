"""What an hour without Langfuse costs: as many requests as the stack's limits allow in an hour, in compressed time.

    ./inv dev.bench traces [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.traces [--requests N] [--json]

One gateway, its real exporter and a server in Langfuse's place: there, then frozen (SIGSTOP) for an hour's requests,
there again, then gone (killed) for an hour's, there again. Every request is an exact hit, so that the trace is a large
part of its work, and the answer is as long as a trace keeps it. Figures per phase: delay of requests as the client sees
it, traces sent, lost and waiting, the process's memory. Takes about ten minutes.

Exit code 1: a trace is unaccounted for, a request failed, memory grew by more than the queue's bound and a quarter, or
nothing arrived after Langfuse was back.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import json
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration, wait_until
from tests.integration.gateway.rates import traces_an_hour
from tests.integration.gateway.sink import SinkProcess

CLIENTS = 4
USUAL = 1000
QUEUE = 2048
TEXT = 16_000
MOST_GROWTH_MB = 64 * 1.25
QUESTION = "Where is my parcel?"


@dataclass(frozen=True)
class Phase:
    """One part of the run; times in milliseconds, memory in MB, traces since the gateway's start."""

    langfuse: str
    requests: int
    failed: int
    median_ms: float
    p99_ms: float
    longest_ms: float
    rss_mb: float
    made: int
    sent: int
    lost: int
    waiting: int

    @property
    def unaccounted(self) -> int:
        return self.made - self.sent - self.lost - self.waiting


class Run:
    """The gateway under test and what was asked of it so far."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.gateway, self.made = gateway, 0

    def traces(self) -> Mapping[str, int]:
        with self.gateway.operator() as operator:
            found: Mapping[str, int] = operator.get("/gateway/admin/status").raise_for_status().json()["traces"]
        return found

    def settle(self) -> None:
        """Wait until nothing waits for Langfuse."""
        wait_until(lambda: self.traces()["waiting"] == 0, 120)

    def phase(self, langfuse: str, requests: int) -> Phase:
        took, failed = asyncio.run(self._ask(requests))
        self.made += requests
        counts = self.traces()
        return Phase(
            langfuse=langfuse,
            requests=requests,
            failed=failed,
            median_ms=statistics.median(took),
            p99_ms=statistics.quantiles(took, n=100)[98],
            longest_ms=max(took),
            rss_mb=self.rss_mb(),
            made=self.made,
            sent=counts["sent"],
            lost=counts["lost"],
            waiting=counts["waiting"],
        )

    async def _ask(self, requests: int) -> tuple[list[float], int]:
        took: list[float] = []
        left, failed = requests, 0
        body = json.dumps({"messages": [{"role": "user", "content": QUESTION}]}).encode()
        headers = {
            "Authorization": f"Bearer {self.gateway.keys['admin']}", "content-type": "application/json"
        }  # fmt: skip

        async def client() -> None:
            nonlocal left, failed
            while left > 0:
                left -= 1
                began = time.perf_counter()
                answer = await http.post("/v1/chat/completions", content=body)
                took.append((time.perf_counter() - began) * 1000)
                failed += answer.status_code != 200

        async with httpx.AsyncClient(base_url=self.gateway.url, headers=headers, timeout=60) as http:
            await asyncio.gather(*(client() for _ in range(CLIENTS)))
        return took, failed

    def rss_mb(self) -> float:
        assert self.gateway.process is not None
        for line in Path(f"/proc/{self.gateway.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError("no VmRSS")


def measure(hour: int) -> Iterator[tuple[Phase, bool]]:
    """Each phase as it ends, and whether what Langfuse has got is what the gateway says it sent."""
    config = copy.deepcopy(configuration())
    config["gateway"]["callbacks"]["langfuse"]["queue"] = QUEUE
    with (
        ValkeyServer() as valkey,
        Provider() as provider,
        SinkProcess() as sink,
        GatewayProcess(
            redis_url=valkey.url, provider_url=provider.base_url, provider_key=provider.key, config=config,
            langfuse_url=sink.url,
        ) as gateway,
    ):  # fmt: skip
        provider.reply(contains="parcel", reply="On its way. " * (TEXT // 12))
        run = Run(gateway)

        def there() -> tuple[Phase, bool]:
            phase = run.phase("there", USUAL)
            run.settle()
            return phase, len(sink.arrived()) == run.traces()["sent"] == phase.made - phase.lost

        yield there()
        for langfuse, away, back in (("frozen", sink.freeze, sink.resume), ("gone", sink.stop, sink.start)):
            away()
            yield run.phase(langfuse, hour), True
            back()
            run.settle()
            yield there()


def show(each: Phase, same: bool) -> None:
    """The figures of one phase as text."""
    print(
        f"{each.langfuse:10}{each.requests:9}{each.median_ms:11.1f}{each.p99_ms:9.1f}{each.longest_ms:9.1f}"
        f"{each.rss_mb:8.0f}{each.made:8}{each.sent:8}{each.lost:8}{each.waiting:8}{each.unaccounted:8}"
        f"{'' if same else '  not what arrived'}",
        flush=True,
    )


def main() -> int:
    """Run the benchmark; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=traces_an_hour(), help="instead of an hour's")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    phases, same = [], True
    if not options.json:
        print(f"{'Langfuse':10}{'requests':>9}{'median ms':>11}{'p99 ms':>9}{'longest':>9}{'RSS MB':>8}", end="")
        print(f"{'made':>8}{'sent':>8}{'lost':>8}{'waiting':>8}{'missing':>8}", flush=True)
    for phase, arrived in measure(options.requests):
        phases.append(phase)
        same = same and arrived
        if not options.json:
            show(phase, arrived)
    if options.json:
        print(json.dumps({"phases": [asdict(each) for each in phases], "sent_is_what_arrived": same}, indent=2))
    good = same and not any(each.unaccounted or each.failed for each in phases)
    good = good and phases[-1].sent > phases[-2].sent + USUAL // 2
    good = good and max(each.rss_mb for each in phases) - phases[0].rss_mb < MOST_GROWTH_MB
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
