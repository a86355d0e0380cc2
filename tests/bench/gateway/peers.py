"""This gateway beside LiteLLM's own server and Portkey's gateway: processor time, latency, throughput, starts, memory.

    ./inv dev.bench peers [--rounds 6] [--json] [--write]

Each contender stands in two processes, one for each core of a machine of two, before one cheap upstream that counts
what reaches it, so that a block in which a cache answered too often or too seldom is an error and no figure. They are
asked one after the other, round by round: two connections for latency and processor time, then 32 for throughput. The
client, the upstream and Redis are on the same cores. Ratios are of the two figures of one round. Starts are measured
before, one process at a time.

--write measures what docs/benchmarks.md holds, with the other benchmarks it names, and writes the page.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from typing import Any

import uvloop

from tests.bench import machine
from tests.bench.gateway.beside import measure
from tests.bench.gateway.beside.contenders import NOT_TO_BE_HAD, Contender, Place, contenders
from tests.bench.gateway.beside.kinds import KINDS

STARTS = 3


def say(line: str) -> None:
    """Progress, beside the figures."""
    print(line, file=sys.stderr, flush=True)


def run(rounds: int, starts: int) -> dict[str, Any]:
    """All figures, as `--json` prints them; times in milliseconds where their name does not say otherwise."""
    with Place() as place:
        there = contenders(place)
        started = measure.ready(there, starts, say)
        with contextlib.ExitStack() as stack:
            stand = measure.Stand(place, there, stack)
            taken = uvloop.run(measure.rounds(stand, rounds, say))
            grown = measure.memory(stand)
    ours = there[0].name
    return {
        "machine": machine.facts(),
        "rounds": rounds,
        "starts": starts,
        "connections": [measure.FEW, measure.MANY],
        "contenders": [_described(each) for each in there],
        "not_to_be_had": NOT_TO_BE_HAD,
        "start": {name: {**found, "loaded_mb": grown[name]} for name, found in started.items()},
        "kinds": {
            kind.name: {
                "title": kind.title,
                "contenders": {name: series.summary() for name, series in taken[kind.name].items()},
                "ratios": measure.ratios(taken[kind.name], ours),
            }
            for kind in KINDS
        },
    }


def _described(contender: Contender) -> dict[str, str]:
    return {"name": contender.name, "version": contender.version(), "settings": contender.settings}


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The figures as a person reads them."""
    for kind in found["kinds"].values():
        yield f"{kind['title']}"
        for name, each in kind["contenders"].items():
            cpu, rate = each["cpu_ms"], each["per_s"]
            ratio = kind["ratios"].get(name, {"cpu": {"median": 1.0}})["cpu"]["median"]
            yield (
                f"  {name:14} CPU {cpu['median']:6.2f} ms ({cpu['min']:.2f} to {cpu['max']:.2f}) = {ratio:5.2f} x ours"
                f"   p50 {each['p50_ms']['median']:6.2f}  p95 {each['p95_ms']:6.2f}  p99 {each['p99_ms']:6.2f} ms"
                f"   {rate['median']:6.0f}/s ({rate['min']:.0f} to {rate['max']:.0f})"
            )
    for name, each in found["start"].items():
        yield (
            f"{name:14} ready after {each['ready_s']['median']:.1f} s ({each['cpu_s']['median']:.1f} s of CPU),"
            f" {each['resident_mb']['median']:.0f} MB then,"
            f" {each['loaded_mb']:.0f} MB after the load"
        )


def main() -> int:
    """Measure and print; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--starts", type=int, default=STARTS, help="of each contender")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    found = run(options.rounds, options.starts)
    print(json.dumps(found, indent=2) if options.json else "\n".join(lines(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
