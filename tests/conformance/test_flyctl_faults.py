"""Each changing call of a first deploy, struck in turn: what a second run finds, and that nothing is made twice."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.services.fly import Deploy, Fly, FlyError
from tests.conformance.conftest import IMAGE, client
from tests.flysim import binaries
from tests.flysim.faults import Call, Fault
from tests.flysim.server import FlySim
from tests.lacking import by_design


def converge(fly: Fly, toml: Path) -> None:
    """A small step-wise deploy: look, act where something is missing."""
    if "one" not in fly.apps("personal"):
        fly.create_app("one", "personal")
    if "A" not in fly.secrets("one"):
        fly.import_secrets("one", {"A": Secret("first-value")})
    kinds = {ip.kind for ip in fly.ips("one")}
    if "shared_v4" not in kinds:
        fly.allocate_shared_v4("one")
    if "v6" not in kinds:
        fly.allocate_v6("one")
    if fly.cert("one", "gateway.example.com") is None:
        fly.add_cert("one", "gateway.example.com")
    if "cache" not in fly.redis.all("personal"):
        fly.redis.create("cache", "personal", "ord", "Fixed 250MB")
    status = fly.status("one")
    assert status is not None
    for machine in status.machines:
        if machine.state == "stopped":
            fly.start_machine("one", machine.id)
    if not all(any(m.healthy for m in status.group(group)) for group in ("edge", "worker")):
        fly.deploy("one", toml, Deploy(image=IMAGE))


def reached(sim: FlySim) -> None:
    """The state that `converge` is after, once of everything."""
    app = sim.state.apps["one"]
    assert list(app["secrets"]) == ["A"]
    assert Counter(ip["type"] for ip in app["ips"]) == {"shared_v4": 1, "v6": 1}
    assert list(app["certificates"]) == ["gateway.example.com"]
    assert list(sim.state.addons) == ["cache"]
    groups = Counter(m["config"]["metadata"]["fly_process_group"] for m in app["machines"].values())
    assert groups == {"edge": 1, "worker": 1}
    assert all(sim.machines.status(app, m)[0] == "started" for m in app["machines"].values())


def changing_calls(sim: FlySim) -> int:
    """How many changing calls a run made."""
    return len(sim.mutating_calls())


FAULTS = {
    "500": lambda: Fault("status", status=500),
    "401": lambda: Fault("status", status=401, body={"error": "unauthorized"}),
    "cut after it acted": lambda: Fault("cut", acted=True),
    "cut before it acted": lambda: Fault("cut", acted=False),
}


# Every kind with one flyctl: a round takes about a minute.
WITH_THE_DOUBLE = ("cut before it acted",)


def outcome(fly: Fly, toml: Path) -> str:
    """The code a run ended with, empty when it went well."""
    try:
        converge(fly, toml)
    except FlyError as error:
        return error.code
    return ""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", FAULTS)
def test_every_changing_call_can_fail_and_a_second_run_converges(
    sim: FlySim, binary: Path, tmp_path: Path, toml: Path, kind: str
) -> None:
    real = binary == binaries.real()
    if real == (kind in WITH_THE_DOUBLE):
        pytest.skip(by_design("this kind of fault is tested with the other flyctl"))
    empty = sim.snapshot()
    fly = client(sim, binary, tmp_path / "state")
    converge(fly, toml)
    reached(sim)
    total = changing_calls(sim)
    assert total >= 15
    sim.forget_calls()
    converge(fly, toml)
    assert changing_calls(sim) == 0
    for nth in range(1, total + 1):
        sim.restore(empty)
        sim.forget_calls()
        fly.cli.forget()
        fault = FAULTS[kind]()
        fault.nth = nth
        sim.fail(fault)
        code = outcome(fly, toml)
        assert code not in ("FLY-027", "FLY-028"), f"call {nth} failed in a way nobody can act on"
        assert fault.struck == 1, f"call {nth} was never reached"
        sim.heal()
        expire_leases(sim)
        converge(fly, toml)
        reached(sim)
    fly.close()


def expire_leases(sim: FlySim) -> None:
    """Let time pass for the leases a broken run left."""
    for _, machine in sim.state.machines():
        machine["lease"] = None


def test_an_interrupted_deploy_leaves_no_flyctl_and_a_second_run_converges(
    fly: Fly, sim: FlySim, toml: Path, tmp_path: Path
) -> None:
    """flyctl is killed the moment the platform has created the first machine."""

    def kill(call: Call) -> None:
        marker = f"FLY_CONFIG_DIR={tmp_path / 'state'}".encode()
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and marker in _environment(process):
                os.kill(int(process.name), signal.SIGKILL)

    sim.fail(Fault("kill", match=r"POST /v1/apps/one/machines$", callback=kill))
    with pytest.raises(RunbookError):
        converge(fly, toml)
    sim.heal()
    expire_leases(sim)
    converge(fly, toml)
    reached(sim)


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""


def test_looks_from_many_threads_do_not_disturb_each_other(fly: Fly, sim: FlySim) -> None:
    fly.create_app("one", "personal")
    fly.import_secrets("one", {"A": Secret("first-value")})
    found: list[object] = []
    looks = [lambda: found.append(fly.secrets("one")["A"].status), lambda: found.append(list(fly.apps("personal")))]
    threads = [threading.Thread(target=look) for look in looks * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count("Staged") == 3
    assert found.count(["one"]) == 3
