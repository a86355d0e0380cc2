"""Hundreds and thousands of requests at once: who is sent away and how soon; then a stop and a kill in the middle.

    ./inv dev.bench overload [--at-once 500,2000] [--json]

The provider takes three seconds for each answer. Each burst goes through production's rendered edge to two gateways as
they ship, and again to one of them directly; one team has a limit of 20 requests a minute, the others have none.
Goals: everything is answered, or refused with 429 or 503 and Retry-After within a second; health is answered
throughout; a gateway that is asked to stop loses nothing it has taken; one that is killed loses at most what it had
taken, and a minute later nothing of that counts in a sliding limit. Exit code 1: a goal was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import time
from typing import Any

from tests.integration.gateway.harness import wait_until
from tests.load.edged import Edged, config, edged
from tests.load.overloading import (
    HEALTH_WITHIN_S,
    LIMIT,
    LIMITED_TEAM,
    SHED_WITHIN_S,
    SLOW,
    at_once,
    ended,
    in_window,
    reserved,
)

AT_ONCE, ENDING = "500,2000", 200
SLOW_S, WINDOW_S = 3.0, 60.0


def measure(stage: Edged, counts: list[int]) -> tuple[dict[str, Any], list[str]]:
    """All figures, and the goals that were missed."""
    figures: dict[str, Any] = {}
    missed: list[str] = []
    stage.provider.fault(contains=SLOW, delay_s=SLOW_S)
    edge, one = (stage.edge.host, stage.edge.port), (stage.gateways[0].host, stage.gateways[0].port)
    for count in counts:
        for where, address in (("edge", edge), ("one gateway", one)):
            name = f"{count} at once, {where}"
            seen = asyncio.run(at_once(stage, address, f"b{count}{where[0]}", count))
            figures[name] = seen.figures()
            missed += [f"{name}: {each}" for each in sorted(set(seen.wrong))]
            if figures[name]["shed_most_s"] > SHED_WITHIN_S:
                missed.append(f"{name}: the last was refused after {figures[name]['shed_most_s']:.1f} s")
            if figures[name]["health_most_s"] > HEALTH_WITHIN_S:
                missed.append(f"{name}: health was answered after {figures[name]['health_most_s']:.1f} s")
    for name, how in (("SIGTERM", signal.SIGTERM), ("SIGKILL", signal.SIGKILL)):
        gateway = stage.gateways[0]
        seen_ended = asyncio.run(ended(stage, gateway, edge, name, ENDING, how))
        held = reserved(stage)
        figures[name] = {**seen_ended.figures(), "reservations_left": held}
        may_lose = 0 if how is signal.SIGTERM else seen_ended.under_way
        if len(seen_ended.lost) > may_lose or held > may_lose:
            missed.append(f"{name}: {len(seen_ended.lost)} lost, {held} reservations left, of {may_lose} that may be")
        gateway.start()
    began = time.monotonic()
    wait_until(lambda: in_window(stage) == 0, 2 * WINDOW_S)
    figures["window_free_after_s"] = time.monotonic() - began
    return figures, missed


def main() -> int:
    """Measure; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at-once", default=AT_ONCE, help="how many, with commas between")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    settings = config({"semantic": "off"})
    settings["gateway"]["teams"][LIMITED_TEAM]["rpm"] = LIMIT
    with edged(settings) as stage:
        figures, missed = measure(stage, [int(count) for count in options.at_once.split(",")])
    if options.json:
        print(json.dumps({**figures, "machine_load": os.getloadavg(), "missed": missed}, indent=2))
    else:
        for name, value in figures.items():
            print(name if isinstance(value, dict) else f"{name}: {value:.1f}")
            for key, each in value.items() if isinstance(value, dict) else ():
                print(f"    {key:24}{f'{each:.2f}' if isinstance(each, float) else each}")
        print("\n".join([f"machine load: {os.getloadavg()}", *(f"missed: {each}" for each in missed)]))
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
