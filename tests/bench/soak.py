"""A steady rate of the load day's traffic for half an hour: no error of ours, and nothing grows.

    ./inv dev.bench soak [--minutes 30] [--rate 20] [--faults] [--json]

The road is whole: production's rendered edge, two gateways as they ship, a real Valkey, the stand-ins for the provider
(which computes real embeddings) and Langfuse, and the watch with a mail server. The caches' bound is small, so that
they are full, and throwing away, before the third minute; from then on memory, file descriptors and Redis may grow by a
tenth. With --faults instead: a gateway is killed and comes back, Redis is frozen, Langfuse and the mail server are
away, 20 seconds each; only what was under way at a killed gateway may fail. Exit code 1: a goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

from tests.load import faults, soaking
from tests.load.edged import config, edged
from tests.load.mix import DAILY_USD

MINUTES, A_SECOND = 30.0, 20.0


def main() -> int:
    """Measure; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--rate", type=float, default=A_SECOND, help="requests a second")
    parser.add_argument("--faults", action="store_true", help="what goes wrong, one after the other")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    settings = config({"daily_usd": DAILY_USD})
    settings["gateway"]["cache"]["bytes_per_team"] = soaking.BYTES_PER_TEAM
    with edged(settings, watched=True) as stage:
        if options.faults:
            seen = asyncio.run(faults.one_after_the_other(stage, options.rate))
            return _tell_faults({name: each.figures() for name, each in seen.items()}, as_json=options.json)
        found = asyncio.run(soaking.soak(stage, options.minutes, options.rate))
    figures, missed = {**found.figures(), "machine_load": os.getloadavg()}, found.missed()
    if options.json:
        print(json.dumps({**figures, "missed": missed}, indent=2))
    else:
        print("\n".join([*_lines(figures), *(f"missed: {each}" for each in missed)]))
    return 1 if missed else 0


def _tell_faults(figures: Mapping[str, Mapping[str, Any]], *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({**figures, "machine_load": os.getloadavg()}, indent=2))
    for name, each in figures.items() if not as_json else ():
        print("\n".join([name, *(f"    {key:28}{value}" for key, value in each.items())]))
    return 1 if any(each["missed"] for each in figures.values()) else 0


def _lines(figures: Mapping[str, Any]) -> list[str]:
    lines = [f"{name:14}{value}" for name, value in figures.items() if name not in ("early", "late")]
    for name, before in figures["early"].items():
        after = figures["late"][name]
        change = ", ".join(f"{a:.1f} -> {b:.1f}" for a, b in zip(before, after, strict=True))
        lines.append(f"{name:14}{change}   (third minute -> end)")
    return lines


if __name__ == "__main__":
    raise SystemExit(main())
