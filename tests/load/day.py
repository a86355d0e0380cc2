"""A day's traffic, compressed, and whether everything that counts agrees with what was sent.

    ./inv dev.load --day [--requests 20000]
    .venv-dev/bin/python -m tests.load.day [--requests 20000] [--seed 1]

The mix is in tests/load/mix.py. Exit code 1: something does not agree.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from datetime import UTC, datetime

from ops.monitor import costs_show, show
from tests.load import agreeing, mix, sending
from tests.load.stage import stage

REQUESTS = 20_000


def main() -> int:
    """Send it; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    day = list(mix.day(options.requests, options.seed))
    with stage() as up:
        print(f"sending {len(day)} requests of {len(mix.TEAMS)} teams ...", flush=True)
        began = time.monotonic()
        books = asyncio.run(sending.send(up.gateway.url, up.gateway.keys, day, up.prices))
        print(f"sent in {time.monotonic() - began:.0f} s; waiting for what they began", flush=True)
        agreeing.settled(up, len(day))
        found, spent = agreeing.read(up, datetime.now(UTC))
        differences = list(agreeing.differences(up, books))
    print("\n".join([*show.lines(found, agreeing.GOALS), "", *costs_show.lines(spent), ""]))
    for line in differences:
        print(f"differs: {line}")
    if not differences:
        print(f"{sum(books.requests.values())} requests: report, costs, metrics and traces say what was sent")
    return 1 if differences else 0


if __name__ == "__main__":
    raise SystemExit(main())
