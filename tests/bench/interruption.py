"""Minutes of traffic through production's rendered edge during a deploy, a rotation and a scaling: none may fail.

    python -m tests.bench.interruption --minutes 5

Twenty requests a second to the gateway and as many to Langfuse, as in `tests/integration/fly/test_no_interruption.py`,
whose edge, machines and DNS these are. In turn, until the time is over: every group and the edge is replaced (a
deploy), the gateway alone is (a rotation: it reads the secret), the gateway grows to three machines and shrinks to two.
Exits with 1 where a request failed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.integration.fly.test_no_interruption import A_SECOND, CADDY, Edge, Group, Traffic, await_, standing
from tests.targets.fly.support import DnsServer

AWAY_S = 4.0  # from a machine's end to the start of what comes after it


def deploy(gateway: Group, ui: Group, edges: list[Edge], traffic: Traffic) -> None:
    """Every group, one machine after the other; then both edges."""
    for group in (gateway, ui):
        group.replace(away_s=AWAY_S)
    for edge in edges:
        edge.stop()
        edge.start()
        await_(lambda edge=edge: edge.host in traffic.in_service, "the proxy to use it")  # type: ignore[misc]


def measure(minutes: float) -> dict[str, Any]:
    """All figures, as `--json` prints them."""
    dns = DnsServer()
    done: dict[str, int] = {}
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            standing(Path(folder), dns, 2) as (gateway, ui, edges, described),
            Traffic(edges, described.domains.gateway, "/v1/chat/completions") as api,
            Traffic(edges, described.domains.langfuse, "/api/public/ingestion") as web,
        ):
            changes: dict[str, Callable[[], None]] = {
                "deploy": lambda: deploy(gateway, ui, edges, api),
                "rotation": lambda: gateway.replace(away_s=AWAY_S),
                "scale up": lambda: gateway.scale(3),
                "scale down": lambda: gateway.scale(2),
            }
            start = time.monotonic()
            for name in itertools.cycle(changes):
                if time.monotonic() > start + minutes * 60 and set(done) == set(changes):
                    break
                changes[name]()
                done[name] = done.get(name, 0) + 1
            seconds = time.monotonic() - start
    finally:
        dns.stop()
    return {
        "seconds": seconds,
        "requests": api.sent + web.sent,
        "a_second": (api.sent + web.sent) / seconds,
        "failed": [*api.failed, *web.failed],
        "slowest_s": max(api.slowest, web.slowest),
        "changes": done,
    }


def main() -> int:
    """Measure and print; the exit code says whether none failed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="at least; each change happens once at the least")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    if CADDY is None:
        sys.exit("Caddy is not on this machine")
    found = measure(options.minutes)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        changes = ", ".join(f"{count} x {name}" for name, count in found["changes"].items())
        print(f"{found['requests']} requests in {found['seconds']:.0f} s, {A_SECOND} a second to each of two names")
        print(f"meanwhile: {changes}")
        print(f"failed: {len(found['failed'])}; slowest: {found['slowest_s']:.1f} s")
        print("\n".join(found["failed"][:10]), end="\n" if found["failed"] else "")
    return 1 if found["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
