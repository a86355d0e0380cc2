"""How long a `deploy.all --target fly` with nothing to do takes, against the round trips that wait for each other.

    python -m tests.bench.fly_noop --latency-ms 300

Deploys into an empty simulated account, then repeats with the given delay before every answer, each time in fresh
processes: once the run alone (from the moment the runbook is loaded), once the command as an operator types it, from
its start to its end. Needs the real flyctl and a MinIO.

The chain is read from the simulator's log: calls that overlap in time did not wait for each other. What the
simulator takes for an answer beyond the delay is part of every time given here; it is also said by itself. What a
command inside a machine takes is no round trip to Fly: the programs that stand for ClickHouse's client run once, and
their answer to the same question is given again.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ops.runbook.secret import Secret
from tests.flysim import binaries
from tests.flysim.faults import Call
from tests.flysim.state import Json
from tests.integration.checkout import Checkout
from tests.services.real_servers import minio, postgres
from tests.targets.fly.support import Site, site

Execute = Callable[[Json, Json, str], tuple[int, str, str]]
LIMIT = 1.5  # times the round trips of the longest chain

# As `ops.session.running.execute` does it, without Invoke, journal and console.
RUNNER = """
import json, pathlib, sys
root, environ = json.loads(sys.stdin.read())
from ops.phases.table import all_steps
from ops.runbook import run
from ops.session.compose import compose
import time
start, worked = time.monotonic(), time.process_time()
deployment = compose("fly", environ, pathlib.Path(root))
with deployment.target.exclusive():
    steps = all_steps(deployment)
    keys = [key for key, step in steps.items() if step.phase in (1, 2, 3)]
    result = run.run(run.with_needs(steps, keys), deployment, [])
seconds, cpu_s = time.monotonic() - start, time.process_time() - worked
print(json.dumps({"exit": result.exit_code, "seconds": seconds, "cpu_s": cpu_s}))
"""


@dataclass(frozen=True)
class Chain:
    """The longest row of calls of which each began only after the one before had ended.

    Attributes:
        calls: how many.
        own_s: seconds the simulator took for their answers beyond the delay.
    """

    calls: int
    own_s: float


@dataclass(frozen=True)
class Run:
    """One run with nothing to do.

    Attributes:
        seconds: the run itself, from the moment the runbook is loaded.
        cpu_s: processor time of it: what a busy machine stretches, and no delay of Fly's does.
        command_s: the whole command, from its process's start to its end.
        calls, chain: of the run itself.
    """

    seconds: float
    cpu_s: float
    command_s: float
    calls: int
    chain: Chain


def chain(calls: Sequence[Call], delay_s: float) -> Chain:
    """The longest chain in a simulator's log."""
    ended: list[tuple[float, Chain]] = []
    longest = Chain(0, 0.0)
    for call in sorted(calls, key=lambda c: c.started):
        before = max(
            (link for end, link in ended if end <= call.started),
            key=lambda link: (link.calls, link.own_s),
            default=Chain(0, 0.0),
        )
        link = Chain(before.calls + 1, before.own_s + max(0.0, call.seconds - delay_s))
        ended.append((call.started + call.seconds, link))
        longest = max(longest, link, key=lambda link: (link.calls, link.own_s))
    return longest


def remembering(execute: Execute) -> Execute:
    """A machine whose commands, which only read, answer at once from the second time on."""
    known: dict[tuple[str, str], tuple[int, str, str]] = {}

    def answer(app: Json, machine: Json, command: str) -> tuple[int, str, str]:
        key = (machine["id"], command)
        if key not in known:
            known[key] = execute(app, machine, command)
        return known[key]

    return answer


def once(place: Site, checkout: Checkout, latency_s: float) -> Run:
    """One run in a process of its own, and one command."""
    place.sim.forget_calls()
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        input=json.dumps([str(place.root), place.environ]),
        capture_output=True, text=True, cwd=checkout.root, env=checkout.environment(), timeout=120, check=True,
    )  # fmt: skip
    said = json.loads(done.stdout)
    assert said["exit"] == 0, done.stdout + done.stderr
    calls = list(place.sim.calls)
    # What a single run's environment would give; the account's own PATH and stack are the checkout's.
    settings = {name: value for name, value in place.environ.items() if name not in ("PATH", "HOME", "RUNBOOK_STACK")}
    start = time.monotonic()
    typed = checkout.inv("deploy.all", "--target", "fly", "--yes", cwd=checkout.root, **settings)
    command_s = time.monotonic() - start
    assert typed.returncode == 0, typed.stdout + typed.stderr
    changed = [call.operation for call in place.sim.mutating_calls()]
    assert not changed, f"a run with nothing to do changed something: {changed}"
    return Run(said["seconds"], said["cpu_s"], command_s, len(calls), chain(calls, latency_s))


@contextmanager
def deployed(flyctl: Path) -> Iterator[tuple[Site, Checkout]]:
    """A whole copy of the project that has deployed into a simulated account."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o755)
        for name in ("postgres", "minio"):
            (folder / name).mkdir()
        database = stack.enter_context(postgres(folder / "postgres"))
        try:
            store = stack.enter_context(minio(folder / "minio"))
        except pytest.skip.Exception as why:
            sys.exit(str(why))
        address = (f"127.0.0.1:{store.port}", store.user, store.password)
        place = stack.enter_context(site(folder, flyctl, database.url(), minio=address))
        checkout = Checkout(folder / "copy")
        compileall.compile_dir(checkout.root / "ops", quiet=1)  # as ./inv does once
        # The copy's own stack file: another one's state would be kept apart.
        own = {**place.environ, "RUNBOOK_STACK": str(checkout.root / "ops" / "stack.toml")}
        place = replace(place, root=checkout.root, environ=own)
        administrator = {"MINIO_ROOT_USER": Secret(store.user), "MINIO_ROOT_PASSWORD": Secret(store.password)}
        place.deployment().vault.put(administrator, origin="generated")
        first = place.deploy()
        assert first.ok, first.troubles()
        yield place, checkout


def spread(values: Sequence[float]) -> dict[str, float]:
    """Least, median and greatest."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def measure(flyctl: Path, latency_s: float, runs: int) -> dict[str, Any]:
    """All figures, as `--json` prints them; times in seconds."""
    with deployed(flyctl) as (place, checkout):
        place.sim.v1.execute = remembering(place.sim.v1.execute)
        once(place, checkout, 0.0)  # what a first run compiles and remembers is not measured
        place.sim.latency_s = latency_s
        done = [once(place, checkout, latency_s) for _ in range(runs)]
    # One call that began late in one run has not made another wait for it: the shortest chain seen is the true one.
    links = min((run.chain for run in done), key=lambda link: link.calls)
    trips = links.calls * latency_s
    seconds, commands = spread([run.seconds for run in done]), spread([run.command_s for run in done])
    return {
        "latency_s": latency_s,
        "runs": runs,
        "calls": statistics.median_low([run.calls for run in done]),
        # Without a delay a call has ended before the next can begin, whether that one waited for it or not.
        "chain": links.calls if latency_s else None,
        "round_trips_s": trips,
        "simulator_s": statistics.median([run.chain.own_s for run in done]),
        "run_s": seconds,
        "cpu_s": spread([run.cpu_s for run in done]),
        "command_s": commands,
        "ratio": seconds["median"] / trips if trips else None,
        "command_ratio": commands["median"] / trips if trips else None,
        "limit": LIMIT,
        "load": os.getloadavg()[0],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--latency-ms", type=float, default=300.0, help="before every answer of the simulator")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    flyctl = binaries.real()
    if flyctl is None:
        sys.exit(binaries.WHY_NOT)
    found = measure(flyctl, options.latency_ms / 1000, options.runs)
    if options.json:
        print(json.dumps(found, indent=2))
        return
    trips = (
        f"longest chain {found['chain']}, {options.latency_ms:.0f} ms each: {found['round_trips_s']:.2f} s of round"
        f" trips; the simulator itself took {found['simulator_s']:.2f} s more"
        if found["chain"]
        else "no delay: what follows is this machine's own work"
    )
    print(f"{found['calls']} calls, {trips}")
    for title, name, share in (("the run", "run_s", "ratio"), ("the command", "command_s", "command_ratio")):
        times, ratio = found[name], found[share]
        said = f" = {ratio:.2f} x the round trips" if ratio is not None else ""
        print(
            f"{title}, {options.runs} times: {times['median']:.2f} s{said} ({times['min']:.2f} to {times['max']:.2f})"
        )
    worked = found["cpu_s"]
    print(
        f"processor time of the run: {worked['median']:.2f} s ({worked['min']:.2f} to {worked['max']:.2f}); the"
        f" machine's load: {found['load']:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
