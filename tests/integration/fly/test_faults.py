"""Each mutating call fails once, in turn; the run is repeated until it is through, and ends as if nothing had been.

One chain per kind of fault: every mutating call that has not been struck yet is struck, in run after run, until a run
meets no such call. So every call that is made on the way is struck exactly once; a retry of it goes through.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flysim import binaries
from tests.flysim.faults import Call, Fault
from tests.flysim.server import FlySim
from tests.lacking import lacking
from tests.targets.fly.kept import Kept
from tests.targets.fly.support import GATEWAY, Deployed, Site, described

RUNS = 120
ALIKE = re.compile(r"/[0-9a-f]{14,}|/(?=\d)")


class Striker:
    """Strikes each call whose kind has not been struck before."""

    def __init__(self, sim: FlySim, fault: Callable[[Callable[[Call], bool]], Fault]) -> None:
        self.sim = sim
        self.make = fault
        self.done: list[str] = []
        self.struck = 0
        self._lock = threading.Lock()

    def arm(self) -> None:
        self.struck = 0
        self.sim.heal()
        fault = self.make(self._is_new)
        fault.times = 10_000
        self.sim.fail(fault)

    def _is_new(self, call: Call) -> bool:
        if not call.mutating:
            return False
        name = kind(call)
        with self._lock:
            if name in self.done:
                return False
            self.struck += 1
            self.done.append(name)
            return True


def kind(call: Call) -> str:
    """What a call does, without the ids that differ from run to run; machines by their group."""
    body = call.body if isinstance(call.body, dict) else {}
    config = body.get("config") if isinstance(body.get("config"), dict) else {}
    group = (config.get("metadata") or {}).get("fly_process_group", "")
    named = body.get("name") or body.get("status") or (body.get("variables") or {}).get("input", {}).get("type") or ""
    what = ALIKE.sub("/*", call.operation)
    return f"{what} {call.app} {group} {named} {','.join(sorted(body.get('values') or {}))}"


@pytest.fixture(scope="module")
def reference(deployed: Site) -> dict[str, object]:
    """What an undisturbed deploy ends with."""
    return described(deployed.sim)


def assert_as_if_nothing_had_been(place: Site, reference: dict[str, object], vault: dict[str, str]) -> None:
    assert described(place.sim) == reference
    now = place.deployment().vault
    assert {name: now.get(name).reveal() for name in vault} == vault, "a secret changed"
    place.sim.heal()
    place.sim.forget_calls()
    last = place.deploy()
    assert last.ok, last.troubles()
    assert place.sim.mutations == 0, [call.operation for call in place.sim.mutating_calls()]


def secrets_of(place: Site) -> dict[str, str]:
    vault = place.deployment().vault
    return {name: vault.get(name).reveal() for name in vault.names()}


KINDS = {
    "refused with 500": lambda new: Fault("status", match=new, status=500),
    "refused with 401": lambda new: Fault("status", match=new, status=401, body={"error": "unauthorized"}),
    "no answer": lambda new: Fault("hang", match=new, seconds=0.5, acted=False),
    "cut off after it acted": lambda new: Fault("cut", match=new, acted=True),
}

WITH_THE_DOUBLE = ("refused with 500",)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", KINDS)
def test_every_mutating_call_may_fail_once_and_the_runs_converge(
    place: Site, reference: dict[str, object], kept: Kept, name: str
) -> None:
    if binaries.real() is None and name not in WITH_THE_DOUBLE:
        pytest.skip(lacking("the double takes minutes for each kind of fault: this one is tried with the real flyctl"))
    striker = Striker(place.sim, KINDS[name])
    vault: dict[str, str] = {}
    outcomes: list[Deployed] = []
    for _ in range(RUNS):
        striker.arm()
        done = place.deploy()
        outcomes.append(done)
        # Where it was the release of a lease that failed, the lease runs out by itself before the next run.
        _release_leases(place.sim)
        now = secrets_of(place)
        assert {key: now[key] for key in vault} == vault, "a secret changed"
        vault = now
        assert not done.traces, done.traces[0]
        if not striker.struck:
            break
    assert outcomes[-1].ok, outcomes[-1].troubles()
    # What makes a thing is asked for on every way to the end. Whether a machine is changed after it was made, and a
    # release completed, depends on where the failures fall: one that is made late has all its secrets from the start.
    whole = {kind(call) for call in kept.mutations}
    making = {each for each in whole if not each.startswith(("DELETE ", "PATCH ")) and "/machines/*" not in each}
    assert len(making) > 15, making
    assert making <= set(striker.done)
    assert len(whole & set(striker.done)) > 20
    for done in outcomes:
        for outcome in done.result.outcomes.values():
            assert outcome.good or outcome.next, f"no advice: {outcome.evidence}"
    assert_as_if_nothing_had_been(place, reference, vault)


RUNNER = """
import contextlib, json, pathlib, sys
sys.path.insert(0, sys.argv[1])
from ops.phases.table import all_steps
from ops.runbook import run
from ops.session.compose import compose
from tests.targets.fly.support import no_bucket
environ, root = json.loads(sys.stdin.read())
deployment = compose("fly", environ, pathlib.Path(root))
steps = all_steps(deployment)
keys = [key for key, step in steps.items() if step.phase in (1, 2, 3)]
with deployment.target.exclusive(), no_bucket() if sys.argv[2] == "no MinIO" else contextlib.nullcontext():
    sys.exit(run.run(run.with_needs(steps, keys), deployment, []).exit_code)
"""


@pytest.mark.timeout(1800)
def test_the_runbook_may_be_killed_at_any_call(
    place: Site, reference: dict[str, object], object_store: tuple[str, str, str] | None
) -> None:
    """R31: also where there is no MinIO, whose inside is then taken for made, as everywhere in these tests."""
    import json

    from ops.description.paths import ROOT

    child: list[subprocess.Popen[bytes]] = []

    def kill(call: Call) -> None:
        # flyctl first: it is in a process group of its own, and must not finish what its parent began.
        for pid in _children(child[0].pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        child[0].kill()

    seen: set[str] = set()

    def make(new: Callable[[Call], bool]) -> Fault:
        # Calls that differ only in app or name are killed once: a process is started for each.
        def first(call: Call) -> bool:
            what = " ".join(kind(call).split()[:2])
            if not call.mutating or what in seen:
                return False
            if new(call):
                seen.add(what)
                return True
            return False

        return Fault("kill", match=first, callback=kill)

    striker = Striker(place.sim, make)
    vault: dict[str, str] = {}
    words = [sys.executable, "-c", RUNNER, str(ROOT), "MinIO" if object_store else "no MinIO"]
    for _ in range(RUNS):
        striker.arm()
        process = subprocess.Popen(words, stdin=subprocess.PIPE)
        child[:] = [process]
        process.communicate(json.dumps([place.environ, str(place.root)]).encode(), timeout=120)
        _release_leases(place.sim)
        vault = vault or secrets_of(place)
        if not striker.struck:
            assert process.returncode == 0
            break
        assert process.returncode == -signal.SIGKILL
    assert len(seen) >= 12, seen
    assert_as_if_nothing_had_been(place, reference, vault)


def _children(pid: int) -> list[int]:
    """Every process below `pid`."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        # Threads come and go while this reads.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for word in task.read_text().split():
                found += [int(word), *_children(int(word))]
    return found


def _release_leases(sim: FlySim) -> None:
    """What time does: a dead flyctl's leases end by themselves."""
    with sim.lock:
        for app in sim.state.apps.values():
            for machine in app["machines"].values():
                machine["lease"] = None


def test_a_deploy_whose_report_is_lost_is_judged_by_its_machines(copied: Site) -> None:
    other = "registry.example.com/gateway:2"
    copied.sim.state.add_image(other)
    finished = r"PATCH /api/v1/releases/"
    copied.sim.fail(
        Fault("cut", match=lambda call: bool(re.search(finished, call.operation)) and _completes(call), acted=True)
    )
    start = time.monotonic()
    done = copied.deploy(FLY_IMAGE=other)
    assert done.ok, done.troubles()
    assert time.monotonic() - start < 120
    digests = {m["image_ref"]["digest"] for m in copied.sim.state.apps[GATEWAY]["machines"].values()}
    assert digests == {copied.sim.state.images[other]}


def _completes(call: Call) -> bool:
    return isinstance(call.body, dict) and call.body.get("status") == "complete"
