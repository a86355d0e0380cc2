"""What an outage of Redis adds to requests: to the first one, and to the later ones while the breaker is open.

    ./inv dev.bench outages [--json]
    .venv-gateway-dev/bin/python -m tests.bench.gateway.outages [--rounds 10] [--json]

One whole gateway with production's deadlines, a real Redis-compatible server that is stopped, frozen (SIGSTOP) or at
its maxmemory, an instant provider. Every request is a miss. In each round the same client asks some questions, Redis
fails, and it asks again: what an outage adds is the time of a request beyond that round's median before it. Between two
rounds Redis is there again. Goals: at most 250 ms added to the first request and 5 ms to the later ones, by the median
over the rounds, so that a busy machine does not decide; every request answered. Exit code 1: a goal was missed.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import json
import secrets
import statistics
import time
from dataclasses import asdict, dataclass

import yaml

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import ROOT, GatewayProcess, Provider, configuration, wait_until

FAULTS = ("stopped", "frozen", "full")
BEFORE, LATER = 30, 40
MOST_FIRST_MS, MOST_LATER_MS = 250.0, 5.0


@dataclass(frozen=True)
class Outage:
    """Milliseconds a request takes before, and what the outage adds to that median, over all rounds.

    `before_p95_ms` is over the median too, to compare the later ones with.
    """

    redis: str
    rounds: int
    before_median_ms: float
    before_p95_ms: float
    first_added_median_ms: float
    first_added_most_ms: float
    later_added_median_ms: float
    later_added_p95_ms: float
    refused_or_failed: int

    def good(self) -> bool:
        """Whether the goals were met."""
        return (
            self.first_added_median_ms <= MOST_FIRST_MS
            and self.later_added_median_ms <= MOST_LATER_MS
            and not self.refused_or_failed
        )


class Asking:
    """One client that never asks the same question twice, and times each answer."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.gateway, self.failed = gateway, 0
        self._client = gateway.client("admin")
        self._numbers, self._word = itertools.count(), secrets.token_hex(6)

    def __call__(self) -> float:
        body = {"messages": [{"role": "user", "content": f"{self._word} {next(self._numbers)}"}], "max_tokens": 20}
        began = time.perf_counter()
        answer = self._client.post("/v1/chat/completions", json=body)
        took = (time.perf_counter() - began) * 1000
        self.failed += answer.status_code != 200 or answer.headers["x-gateway-cache"] != "miss"
        return took

    def redis_is_there(self) -> bool:
        with self.gateway.operator() as operator:
            return bool(operator.get("/gateway/admin/teams").json()["teams"][0]["shared"])

    def close(self) -> None:
        self._client.close()


def begin(valkey: ValkeyServer, fault: str) -> None:
    {"stopped": valkey.stop, "frozen": valkey.freeze, "full": valkey.fill}[fault]()


def end(valkey: ValkeyServer, fault: str) -> None:
    {"stopped": valkey.start, "frozen": valkey.resume, "full": valkey.unfill}[fault]()


def measure(fault: str, rounds: int, valkey: ValkeyServer, asking: Asking) -> Outage:
    """Some rounds of one kind of outage."""
    before, beyond, first, later = [], [], [], []
    asking.failed = 0
    for _ in range(rounds):
        usual = [asking() for _ in range(BEFORE)]
        base = statistics.median(usual)
        begin(valkey, fault)
        first.append(asking() - base)
        later += [asking() - base for _ in range(LATER)]
        end(valkey, fault)
        before += usual
        beyond += [took - base for took in usual]
        wait_until(asking.redis_is_there, 30)
    return Outage(
        redis=fault,
        rounds=rounds,
        before_median_ms=statistics.median(before),
        before_p95_ms=statistics.quantiles(beyond, n=20)[18],
        first_added_median_ms=statistics.median(first),
        first_added_most_ms=max(first),
        later_added_median_ms=statistics.median(later),
        later_added_p95_ms=statistics.quantiles(later, n=20)[18],
        refused_or_failed=asking.failed,
    )


def production_redis() -> dict[str, object]:
    """The deadlines as they are rendered for production."""
    rendered = ROOT / "fly" / "hotdash-llm-gateway" / "config" / "litellm.config.yaml"
    found: dict[str, object] = yaml.safe_load(rendered.read_text())["gateway"]["redis"]
    return found


def main() -> int:
    """Run the benchmark; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args()
    config = copy.deepcopy(configuration())
    config["gateway"]["redis"] = production_redis()
    config["gateway"]["teams"]["admin"]["semantic"] = "off"
    rows: list[Outage] = []
    with (
        ValkeyServer() as valkey,
        Provider() as provider,
        GatewayProcess(
            redis_url=valkey.url, provider_url=provider.base_url, provider_key=provider.key, config=config
        ) as gateway,
    ):
        asking = Asking(gateway)
        for _ in range(BEFORE):
            asking()
        rows = [measure(fault, options.rounds, valkey, asking) for fault in FAULTS]
        asking.close()
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        print(f"{'Redis':9}{'before ms':>11}{'p95 beyond':>12}{'first: added ms':>17}{'most':>8}", end="")
        print(f"{'later: added ms':>17}{'p95':>8}{'failed':>8}")
        for row in rows:
            print(
                f"{row.redis:9}{row.before_median_ms:11.1f}{row.before_p95_ms:12.1f}{row.first_added_median_ms:17.1f}"
                f"{row.first_added_most_ms:8.1f}{row.later_added_median_ms:17.1f}{row.later_added_p95_ms:8.1f}"
                f"{row.refused_or_failed:8}"
            )
    return 0 if all(row.good() for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
