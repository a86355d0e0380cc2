"""How long a report over many traces takes, and how much memory: its own, and that of the stand-in that adds them up.

    ./inv dev.bench report [--json]
    .venv-dev/bin/python -m tests.bench.report [--traces 100000] [--json]

The traces lie in the stand-in for Langfuse, a process of its own, and the gateway's counts beside them; the report
asks over HTTP, as an operator's does. The real Langfuse adds them up in ClickHouse.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import msgspec

from ops.monitor import report, show
from ops.monitor.figures import Period
from ops.runbook.secret import Secret
from ops.services.endpoints import Endpoints
from ops.services.langfuse import Langfuse
from ops.standins.langfuse_store import Observation
from tests.cutover.langfuse import observation
from tests.gateway.valkey_server import free_port
from tests.integration.gateway.harness import ROOT, wait_until
from tests.monitor.support import GOALS, Gateway

TRACES, MOST_S, MOST_MB = 100_000, 2.0, 200
TEAMS = ("prod_customer", "prod_ceo", "prod_background", "admin")
TIERS = ("exact", "semantic", "miss", "bypass")
PUBLIC, SECRET = "pk-lf-bench", "sk-lf-bench"


def traces(number: int, now: datetime) -> list[Observation]:
    """So many requests of a day."""
    source, made = random.Random(5), []
    for each in range(number):
        tier, failed = source.choice(TIERS), source.random() < 0.01
        one = observation(
            now - timedelta(seconds=1 + 86_000 * each / number), source.choice(TEAMS),
            hit=None if failed else tier in TIERS[:2], level="ERROR" if failed else "DEFAULT",
            seconds=source.expovariate(1.5),
        )  # fmt: skip
        one.tags[1], one.cost_details = f"cache:{tier}", {"total": 0.0001}
        made.append(one)
    return made


def main() -> int:
    """Measure; exit code 1: the goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--traces", type=int, default=TRACES)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    now, port = datetime.now(UTC), free_port()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        # In a process of its own, so that what they take is not taken for the report's.
        filling = [sys.executable, "-c", "import sys; from tests.bench.report import fill; fill(*sys.argv[1:])"]
        subprocess.run([*filling, folder, str(options.traces), now.isoformat()], cwd=ROOT, check=True, timeout=300)
        command = [sys.executable, "-m", "ops.standins.langfuse", "--port", str(port), "--state", folder]
        command += ["--visibility-delay", "0", "--keep", str(2 * options.traces)]
        environment = {"PATH": os.environ["PATH"], "LANGFUSE_PUBLIC_KEY": PUBLIC, "LANGFUSE_SECRET_KEY": SECRET}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: _healthy(port), 120)
            before = _used_s(process.pid)
            seconds, processor_s, seen = _look(port, now)
            standin_s = _used_s(process.pid) - before
        finally:
            process.terminate()
            process.wait(timeout=30)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert seen == options.traces, f"{seen} of {options.traces} traces were seen"
    told = {
        "traces": seen,
        "seconds": seconds,
        "own_cpu_seconds": processor_s,
        "standin_cpu_seconds": standin_s,
        "megabytes": megabytes,
    }
    if options.json:
        print(json.dumps(told))
    else:
        print(f"{seen} traces: {seconds:.2f} s (goal {MOST_S:g}), {megabytes:.0f} MB (goal {MOST_MB})")
        print(f"CPU: the report {processor_s:.2f} s, the stand-in {standin_s:.2f} s")
    return 0 if seconds < MOST_S and megabytes < MOST_MB else 1


def fill(folder: str, number: str, now: str) -> None:
    """Write the traces where the stand-in keeps them."""
    encoder = msgspec.json.Encoder()
    with (Path(folder) / "observations.jsonl").open("wb") as file:
        for one in traces(int(number), datetime.fromisoformat(now)):
            file.write(encoder.encode(one) + b"\n")


def _look(port: int, now: datetime) -> tuple[float, float, int]:
    place = Endpoints(gateway="http://127.0.0.1:1", langfuse=f"http://127.0.0.1:{port}")
    with Langfuse(place, Secret(PUBLIC), Secret(SECRET)) as langfuse:
        began, used = time.perf_counter(), time.process_time()
        found = report.look(
            langfuse, Gateway({}), TEAMS, TEAMS, Period.back(timedelta(hours=24), now), now, GOALS  # type: ignore[arg-type]
        )  # fmt: skip
        text = "\n".join(show.lines(found, GOALS))
        took = time.perf_counter() - began, time.process_time() - used
    assert "P95" in text
    assert found.traces is not None, found.unknown
    return *took, found.traces.of(*TEAMS).requests


def _used_s(pid: int) -> float:
    """Seconds of CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _healthy(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/api/public/health").status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    raise SystemExit(main())
