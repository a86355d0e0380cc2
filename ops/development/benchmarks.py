"""`docs/benchmarks.md`: measured by the benchmarks of tests/bench, each one's figures as it prints them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ops.description.paths import ROOT
from ops.development.benchmarks_page import render
from ops.runbook.files import write_atomic

FIGURES, PAGE = ROOT / "docs" / "benchmarks.json", ROOT / "docs" / "benchmarks.md"
MEASURED: dict[str, tuple[str, ...]] = {
    "peers": (),
    "converge": (),
    "interruption": ("--minutes", "1"),
    "semantic_cost": (),
    "shared_cache": (),
    "books": ("--requests", "1000"),
}
"""The benchmarks on the page, with what they are given beside --json."""
BENCH = "import sys; from ops.development.check import bench; sys.exit(bench(sys.argv[1], sys.argv[2:]))"


def write(rounds: str = "") -> list[str]:
    """Measure everything on the page anew, and write it with the figures it is made from.

    Args:
        rounds: how many of the gateways beside each other; else as many as the benchmark takes by itself.

    Returns:
        The benchmarks that told no figures; the page names them.
    """
    more = {"peers": ("--rounds", rounds)} if rounds else {}
    found = {name: measure(name, *options, *more.get(name, ())) for name, options in MEASURED.items()}
    write_atomic(FIGURES, json.dumps(found, indent=1) + "\n")
    write_atomic(PAGE, render(found))
    return [name for name, figures in found.items() if "not_measured" in figures]


def measure(name: str, *options: str) -> dict[str, Any]:
    """What a benchmark tells with --json; or why there is nothing, under `not_measured`."""
    start = time.monotonic()
    print(f"measuring {name}", file=sys.stderr, flush=True)
    command = [sys.executable, "-c", BENCH, name, *options, "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    try:
        told = json.loads(done.stdout)
    except json.JSONDecodeError:
        return {"not_measured": f"it ended with {done.returncode} and told no figures"}
    print(f"measured {name} in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return dict(told)


def rendered(file: Path = FIGURES) -> str:
    """The page of the figures in a file."""
    return render(json.loads(file.read_text(encoding="utf-8")))
