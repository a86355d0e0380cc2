"""What it costs to find that nothing is to be done: our engine beside pyinfra, Ansible and a bare loop.

    ./inv dev.bench converge [--json]
    .venv-dev/bin/python -m tests.bench.converge [--runs 5] [--json]

Thirty satisfied steps by each, in turns; our engine with 10 to 5,000 of them, each needing the one before or none;
`inv --list` and `inv plan` on a rehearsal with nothing to do, beside an Invoke with one task. CPU seconds include
those of a command's children. Exit code 1: the engine's cost grows faster than the number of steps.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench import machine
from tests.bench.peers import scale
from tests.bench.peers.contenders import PEERS, Contender, Used, engines, take
from tests.integration.checkout import Checkout

STEPS = 30
BARE = """
from invoke import task
@task
def hello(c):
    "Says nothing."
"""


def start_ups(folder: Path, checkout: Checkout) -> list[Contender]:
    """The start of a bare Invoke, of ours, and a plan of ours with nothing to do."""
    (folder / "tasks.py").write_text(BARE)
    invoke = [sys.executable, "-m", "invoke", "--list"]
    environ = checkout.environment()
    return [
        Contender("a bare Invoke --list", invoke, folder),
        Contender("inv --list", checkout.command("--list"), checkout.root, environ=environ),
        Contender("inv plan", checkout.command("plan"), checkout.root, environ=environ),
    ]


@contextmanager
def deployed(folder: Path) -> Iterator[Checkout]:
    """A rehearsal that has all it wants."""
    checkout = Checkout(folder)
    try:
        done = checkout.inv("deploy.all")
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        yield checkout
    finally:
        checkout.down()


def spread(values: Sequence[float]) -> dict[str, float]:
    """Least, median and greatest."""
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def in_turns(contenders: Sequence[Contender], home: Path, runs: int) -> list[dict[str, Any]]:
    """Each once to warm up, then each `runs` times, one after the other, so that a busy moment meets all of them."""
    taken: dict[str, list[Used]] = {contender.name: [] for contender in contenders}
    for number in range(runs + 1):
        for contender in contenders:
            used = take(contender, home)
            taken[contender.name] += [used] if number else []
    return [
        {"name": name, "cpu_s": spread([u.cpu_s for u in used]), "wall_s": spread([u.wall_s for u in used])}
        for name, used in taken.items()
    ]


def measure(runs: int) -> dict[str, Any]:
    """All figures, as `--json` prints them; times in seconds."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        home, bare = folder / "home", folder / "bare"
        home.mkdir()
        bare.mkdir()
        grown = scale.measure(runs)
        beside = in_turns(engines(folder, STEPS), home, runs)
        with deployed(folder / "checkout") as checkout:
            started = in_turns(start_ups(bare, checkout), home, runs)
    versions = {name: machine.package(PEERS / "bin" / "python", name) for name in ("pyinfra", "ansible-core")}
    return {"steps": STEPS, "runs": runs, "versions": versions, "engines": beside, "start": started, "scale": grown}


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The figures as a person reads them."""
    for title, key in ((f"{found['steps']} satisfied steps", "engines"), ("start", "start")):
        yield f"{title}, {found['runs']} runs in turns: median (least to greatest)"
        for each in found[key]:
            cpu, wall = (
                f"{of['median']:7.3f} s ({of['min']:.3f} to {of['max']:.3f})" for of in (each["cpu_s"], each["wall_s"])
            )
            yield f"  {each['name']:28} CPU {cpu:32} wall {wall}"
    yield "our engine by number of steps, CPU: milliseconds a step"
    for each in found["scale"]:
        costs = "  ".join(f"{size}: {1000 * used / size:.3f}" for size, used in each["cpu_s"].items())
        shape = "chained" if each["chained"] else "not chained"
        judged = "linear" if each["linear"] else "NOT linear"
        yield f"  {shape:12} {costs}  grows by the power of {each['exponent']:.2f}: {judged}"


def main() -> int:
    """Measure and print; exit code 1: not linear."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    found = measure(options.runs)
    print(json.dumps(found, indent=2) if options.json else "\n".join(lines(found)))
    return 0 if all(each["linear"] for each in found["scale"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
