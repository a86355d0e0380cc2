"""How long a `deploy.all --target fly` with nothing to do takes, against the round trips that wait for each other.

    python -m tests.bench.fly_noop --latency-ms 300

Deploys into an empty simulated account, then repeats with the given delay before every answer, each run in a process
of its own as an operator starts it. The chain is read from the simulator's log: calls that overlap in time did not
wait for each other. Needs the real flyctl.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from ops.world import ROOT
from tests.flysim import Call, binaries
from tests.services.real_servers import minio, postgres
from tests.targets.fly.support import Site, site

RUNNER = """
import json, pathlib, sys
root, environ = json.loads(sys.stdin.read())
from ops import session
from ops.runbook import run
from ops.world import World
import time
start = time.monotonic()
world = World("fly", environ, pathlib.Path(root))
steps = session.all_steps(world)
keys = [key for key, step in steps.items() if step.phase in (1, 2, 3)]
with world.target.exclusive():
    result = run.run(run.with_needs(steps, keys), world, [])
print(json.dumps({"exit": result.exit_code, "seconds": time.monotonic() - start}))
"""


def chain(calls: list[Call]) -> int:
    """The greatest number of calls of which each began only after the one before had ended."""
    ended: list[tuple[float, int]] = []
    longest = 0
    for call in sorted(calls, key=lambda c: c.started):
        depth = 1 + max((d for end, d in ended if end <= call.started), default=0)
        ended.append((call.started + call.seconds, depth))
        longest = max(longest, depth)
    return longest


def once(place: Site) -> tuple[float, float]:
    """One run in its own process: seconds in all, and seconds without the interpreter's start."""
    place.sim.forget_calls()
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps([str(place.root), place.environ]),
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=True,
    )  # fmt: skip
    said = json.loads(done.stdout)
    assert said["exit"] == 0, done.stdout + done.stderr
    assert place.sim.mutations == 0, "a run with nothing to do changed something"
    return time.monotonic() - start, said["seconds"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--latency-ms", type=float, default=300.0)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    flyctl = binaries.real()
    if flyctl is None:
        sys.exit(binaries.WHY_NOT)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        for name in ("postgres", "minio"):
            (folder / name).mkdir()
        database = stack.enter_context(postgres(folder / "postgres"))
        store = stack.enter_context(minio(folder / "minio"))
        address = (f"127.0.0.1:{store.port}", store.user, store.password)
        place = stack.enter_context(site(folder, flyctl, database.url(), minio=address))
        first = place.deploy()
        assert first.ok, first.troubles()
        place.sim.latency_s = options.latency_ms / 1000
        times = [once(place) for _ in range(options.runs)]
        calls, deep = len(place.sim.calls), chain(place.sim.calls)
    trips = deep * options.latency_ms / 1000
    inside = statistics.median(seconds for _, seconds in times)
    whole = statistics.median(seconds for seconds, _ in times)
    print(f"{calls} calls, longest chain {deep}, {options.latency_ms:.0f} ms each: {trips:.2f} s of round trips")
    print(f"median of {options.runs}: {inside:.2f} s ({inside / trips:.2f} x), {whole:.2f} s with Python's start")


if __name__ == "__main__":
    main()
