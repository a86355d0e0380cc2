"""What an operator can run into: each failure, provoked, becomes its own code with what to do next."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.runbook.secret import Secret
from ops.services.fly import Deploy, Fly, FlyError
from ops.services.fly.explaining import explain
from tests.conformance.conftest import IMAGE, NEXT_IMAGE, TOML, TOML_WITH_VOLUME, client
from tests.flysim import binaries
from tests.flysim.faults import Fault
from tests.flysim.server import FlySim
from tests.lacking import by_design


def failure(call: Callable[[], object]) -> FlyError:
    """The error `call` ends with."""
    with pytest.raises(FlyError) as caught:
        call()
    assert caught.value.what
    assert caught.value.next
    return caught.value


@pytest.fixture
def one(fly: Fly) -> Fly:
    """The account with an app in it."""
    fly.create_app("one", "personal")
    return fly


@pytest.fixture
def deployed(one: Fly, toml: Path) -> Fly:
    """The account with the app deployed."""
    one.deploy("one", toml, Deploy(image=IMAGE))
    return one


def test_a_missing_binary_is_said_before_anything_else(sim: FlySim, tmp_path: Path) -> None:
    fly = client(sim, tmp_path / "nowhere" / "flyctl", tmp_path / "state")
    error = failure(fly.whoami)
    assert (error.code, error.blocked) == ("FLY-001", True)


def test_a_missing_token_is_for_a_person_to_give(sim: FlySim, binary: Path, tmp_path: Path) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **sim.environment}
    fly = Fly(Secret(""), tmp_path / "state", binary=str(binary), environ=environ)
    error = failure(fly.whoami)
    assert (error.code, error.blocked) == ("FLY-003", True)


@pytest.mark.parametrize("look", ["whoami", "apps", "secrets", "redis", "cert"])
def test_a_wrong_token_is_told_the_same_way_by_every_api(sim: FlySim, binary: Path, tmp_path: Path, look: str) -> None:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **sim.environment}
    fly = Fly(Secret("fo1_wrong-token"), tmp_path / "state", binary=str(binary), environ=environ)
    calls: dict[str, Callable[[], object]] = {
        "whoami": fly.whoami,
        "apps": lambda: fly.apps("personal"),
        "secrets": lambda: fly.secrets("one"),
        "redis": lambda: fly.redis.all("personal"),
        "cert": lambda: fly.cert("one", "gateway.example.com"),
    }
    error = failure(calls[look])
    assert (error.code, error.blocked) == ("FLY-004", True)


def test_a_name_a_stranger_holds_is_not_ours_and_cannot_be_created(fly: Fly, sim: FlySim) -> None:
    sim.drift.take_name("one")
    assert "one" not in fly.apps("personal")
    error = failure(lambda: fly.create_app("one", "personal"))
    assert (error.code, error.blocked) == ("FLY-007", True)


def test_no_payment_method_is_for_a_person_to_mend(fly: Fly, sim: FlySim) -> None:
    sim.drift.no_payment_method()
    error = failure(lambda: fly.create_app("one", "personal"))
    assert (error.code, error.blocked) == ("FLY-008", True)
    error = failure(lambda: fly.redis.create("cache", "personal", "ord", "Fixed 250MB"))
    assert (error.code, error.blocked) == ("FLY-008", True)


def test_an_unknown_organisation_is_named(fly: Fly) -> None:
    assert failure(lambda: fly.create_app("one", "no-such-org")).code == "FLY-006"
    assert failure(lambda: fly.apps("no-such-org")).code == "FLY-006"


@pytest.mark.parametrize("call", ["secrets", "volumes", "ips", "releases", "deploy_secrets"])
def test_an_app_that_is_not_there_is_told_apart(fly: Fly, call: str) -> None:
    assert failure(lambda: getattr(fly, call)("nowhere")).code == "FLY-005"


def test_an_unknown_redis_plan_lists_the_plans_there_are(fly: Fly) -> None:
    error = failure(lambda: fly.redis.create("cache", "personal", "ord", "Fixed 1MB"))
    assert error.code == "FLY-010"
    assert "Fixed 250MB" in error.why


def test_an_unknown_redis_region_is_refused(fly: Fly) -> None:
    assert failure(lambda: fly.redis.create("cache", "personal", "xxx", "Fixed 250MB")).code == "FLY-009"


def test_restarting_an_app_without_machines_says_so(one: Fly) -> None:
    assert failure(lambda: one.deploy_secrets("one")).code == "FLY-012"


def test_scaling_before_the_first_deploy_says_deploy_first(one: Fly, toml: Path) -> None:
    assert failure(lambda: one.scale_count("one", {"edge": 2}, config=toml)).code == "FLY-013"


def test_an_image_nobody_has_is_an_image_error_and_makes_no_release(one: Fly, toml: Path, sim: FlySim) -> None:
    assert failure(lambda: one.deploy("one", toml, Deploy(image="registry.example.com/none:1"))).code == "FLY-017"
    assert sim.state.apps["one"]["releases"] == []


def test_a_full_region_is_worth_another_try(one: Fly, toml: Path, sim: FlySim) -> None:
    sim.behaviour.full_regions.add("ord")
    error = failure(lambda: one.deploy("one", toml, Deploy(image=IMAGE)))
    assert (error.code, error.retry) == ("FLY-023", True)
    assert failure(lambda: one.create_volume("one", "data", "ord", 1)).code == "FLY-023"
    sim.behaviour.full_regions.clear()
    one.deploy("one", toml, Deploy(image=IMAGE))
    assert len(sim.state.apps["one"]["machines"]) == 2


def test_checks_that_never_pass_are_told_from_a_crash(deployed: Fly, toml: Path, sim: FlySim) -> None:
    sim.behaviour.unhealthy.add("one/worker")
    assert failure(lambda: deployed.deploy("one", toml, Deploy(image=NEXT_IMAGE, wait_s=3))).code == "FLY-020"
    assert deployed.releases("one")[0].status == "failed"
    status = deployed.status("one")
    assert status is not None
    assert [check.name for m in status.group("worker") for check in m.failing] == ["worker"]


def test_a_crashing_start_is_said_to_crash(deployed: Fly, toml: Path, sim: FlySim) -> None:
    sim.behaviour.crashing.add("one/worker")
    sim.behaviour.reported_uptime = 0
    assert failure(lambda: deployed.deploy("one", toml, Deploy(image=NEXT_IMAGE))).code == "FLY-019"


def test_a_machine_that_never_starts_is_told_from_an_unhealthy_one(one: Fly, toml: Path, sim: FlySim) -> None:
    sim.behaviour.never_starts.add("one/worker")
    assert failure(lambda: one.deploy("one", toml, Deploy(image=IMAGE, wait_s=2))).code == "FLY-021"


def test_a_failing_release_command_changes_no_machine(deployed: Fly, tmp_path: Path, sim: FlySim) -> None:
    sim.behaviour.release_command_takes = 0.2
    path = tmp_path / "migrating.toml"
    path.write_text(TOML + '\n[deploy]\nrelease_command = "migrate"\n')
    sim.behaviour.release_command_exit = 1
    assert failure(lambda: deployed.deploy("one", path, Deploy(image=NEXT_IMAGE))).code == "FLY-018"
    status = deployed.status("one")
    assert status is not None
    assert {m.digest for m in status.machines} == {sim.state.images[IMAGE]}


@pytest.fixture
def with_volume(one: Fly, tmp_path: Path) -> Path:
    """A config whose group `db` mounts a volume, deployed."""
    path = tmp_path / "volume.toml"
    path.write_text(TOML_WITH_VOLUME)
    one.create_volume("one", "data", "ord", 1)
    one.deploy("one", path, Deploy(image=IMAGE))
    return path


def test_a_volume_made_before_the_first_deploy_is_the_one_mounted(one: Fly, with_volume: Path) -> None:
    (volume,) = one.volumes("one")
    status = one.status("one")
    assert status is not None
    assert [m.volumes for m in status.group("db")] == [(volume.id,)]
    assert volume.machine == status.group("db")[0].id


def test_a_lost_volume_is_named_when_the_app_still_has_machines(one: Fly, with_volume: Path, sim: FlySim) -> None:
    sim.drift.delete_volume("one", "data")
    assert failure(lambda: one.deploy("one", with_volume, Deploy(image=NEXT_IMAGE))).code == "FLY-015"


def test_a_lost_volume_is_replaced_by_an_empty_one_when_no_machine_is_left(
    one: Fly, with_volume: Path, sim: FlySim
) -> None:
    """Why a look at the volumes has to come before a deploy: flyctl says nothing here."""
    lost = sim.drift.delete_volume("one", "data")
    sim.drift.delete_machine("one", "web")
    one.deploy("one", with_volume, Deploy(image=NEXT_IMAGE))
    (volume,) = one.volumes("one")
    assert volume.id != lost


def test_a_stopped_machine_is_updated_and_left_stopped_until_it_is_started(
    deployed: Fly, toml: Path, sim: FlySim
) -> None:
    stopped = sim.drift.stop_machine("one", "worker")
    deployed.deploy("one", toml, Deploy(image=NEXT_IMAGE))
    status = deployed.status("one")
    assert status is not None
    (worker,) = status.group("worker")
    assert (worker.id, worker.digest, worker.state) == (stopped, sim.state.images[NEXT_IMAGE], "stopped")
    assert not worker.healthy
    deployed.start_machine("one", stopped)
    status = deployed.status("one")
    assert status is not None
    assert status.group("worker")[0].state in ("created", "started")


def test_a_lease_that_ends_soon_is_waited_for(deployed: Fly, toml: Path, sim: FlySim) -> None:
    sim.drift.hold_lease("one", seconds=2)
    deployed.scale_count("one", {"worker": 2}, config=toml)
    assert len(sim.state.apps["one"]["machines"]) == 3


def test_a_lease_somebody_holds_is_worth_another_try(deployed: Fly, toml: Path, sim: FlySim, binary: Path) -> None:
    if binary == binaries.real():
        pytest.skip(by_design("the real flyctl waits for a whole minute"))
    binaries.double(binary.parent, lease_patience_s=0.3)
    sim.drift.hold_lease("one", seconds=1000)
    error = failure(lambda: deployed.scale_count("one", {"worker": 2}, config=toml))
    assert (error.code, error.retry) == ("FLY-022", True)


def test_who_holds_a_machine_is_said(deployed: Fly, sim: FlySim) -> None:
    (machine, *_) = sim.state.apps["one"]["machines"]
    assert deployed.lease("one", machine) is None
    sim.drift.hold_lease("one", seconds=30)
    lease = deployed.lease("one", machine)
    assert lease is not None
    assert (lease.machine, lease.owner) == (machine, sim.email)
    assert 25 < lease.expires_at - time.time() <= 30
    assert deployed.lease("one", "0" * 14) is None


def test_a_machine_that_is_gone_is_said_to_be_gone(deployed: Fly, sim: FlySim) -> None:
    gone = sim.drift.delete_machine("one", "worker")
    assert failure(lambda: deployed.exec("one", gone, "true")).code == "FLY-012"


def test_a_hostname_that_is_there_already_is_a_certificate_error(one: Fly) -> None:
    one.add_cert("one", "gateway.example.com")
    assert failure(lambda: one.add_cert("one", "gateway.example.com")).code == "FLY-025"


@pytest.mark.parametrize(
    ("name", "value"),
    [("A", 'with"quote'), ("A", "two\nlines"), ("A", "cr\r"), ("A", ""), ("A B", "x"), ("A", "y" * 70_000)],
)
def test_a_secret_flyctl_would_garble_is_refused_unseen(one: Fly, sim: FlySim, name: str, value: str) -> None:
    sim.forget_calls()
    error = failure(lambda: one.import_secrets("one", {name: Secret(value)}))
    assert error.code == "FLY-029"
    assert len(value) < 2 or value not in str(error) + error.why + error.next
    assert sim.calls == []


@pytest.mark.parametrize("status", [500, 502, 503])
def test_trouble_at_the_platform_is_worth_another_try(fly: Fly, sim: FlySim, status: int) -> None:
    sim.fail(Fault("status", status=status, times=20, match="POST /v1/apps|mutation createAddOn"))
    error = failure(lambda: fly.create_app("one", "personal"))
    # Now and then flyctl's own retry finds the body sent already, and that is what it reports (next test).
    assert error.code in ("FLY-026", "FLY-030")
    assert error.retry
    error = failure(lambda: fly.redis.create("cache", "personal", "ord", "Fixed 250MB"))
    assert (error.code, error.retry) == ("FLY-026", True)
    assert sim.state.apps == {}


def test_a_retry_of_flyctls_own_that_lost_the_body_is_worth_another_try() -> None:
    said = 'Error: Post "https://api.machines.dev/v1/apps": net/http: HTTP/1.x transport connection broken: '
    error = explain("creating the app one", "", said + "http: ContentLength=66 with Body length 0")
    assert (error.code, error.retry) == ("FLY-030", True)


def test_a_look_survives_passing_trouble(fly: Fly, sim: FlySim) -> None:
    sim.fail(Fault("status", status=503, times=1, match="query organization"))
    assert fly.redis.all("personal") == {}


def test_a_call_that_takes_too_long_is_ended_and_says_that_it_may_have_worked(
    fly: Fly, sim: FlySim, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.services.fly.client.WRITE_S", 1.0)
    sim.fail(Fault("hang", match="POST /v1/apps", acted=True, seconds=20))
    error = failure(lambda: fly.create_app("one", "personal"))
    assert (error.code, error.retry) == ("FLY-030", True)
    assert "one" in fly.apps("personal")
