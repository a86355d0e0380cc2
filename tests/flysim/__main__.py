"""`python -m tests.flysim --port P --latency-ms 300`: the simulated control plane as a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import signal
import threading
from pathlib import Path

from tests.flysim.server import FlySim


def main() -> None:
    """Serve until SIGTERM or SIGINT; the token is FLYSIM_TOKEN, or made and printed with the URL."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 picks a free one")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="delay before every answer")
    parser.add_argument("--org", default="personal", help="slug of the account's organisation")
    parser.add_argument("--image", action="append", default=[], help="image ref the registry knows; repeatable")
    parser.add_argument("--state", type=Path, help="JSON snapshot to start from, and to write at the end")
    options = parser.parse_args()
    sim = FlySim(options.port, latency_ms=options.latency_ms, org=options.org, token=os.environ.get("FLYSIM_TOKEN", ""))
    if options.state and options.state.exists():
        sim.restore(json.loads(options.state.read_text()))
    for ref in options.image:
        sim.state.add_image(ref)
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    sim.start()
    print(json.dumps({"url": sim.url, "environment": sim.environment}), flush=True)
    done.wait()
    sim.stop()
    if options.state:
        partial = options.state.with_suffix(".part")
        partial.write_text(json.dumps(sim.snapshot()))
        partial.chmod(0o600)
        os.replace(partial, options.state)


if __name__ == "__main__":
    main()
