"""The whole machine is compared: what somebody changes by hand is shown, and put right or refused, never a note."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops.runbook.step import Look, State, Status
from tests.flysim.machines import group_of
from tests.flysim.state import new_id
from tests.targets.fly.support import CLICKHOUSE, GATEWAY, MINIO, Site, described
from tests.targets.fly.test_comparing import Where, at, leaves, other

STEPS = {GATEWAY: "release", CLICKHOUSE: "clickhouse", MINIO: "storage"}
# Who deployed and by which release: read elsewhere, and no part of what runs.
BOOKKEEPING = ("fly_flyctl_version", "fly_release_id", "fly_release_version")


@pytest.fixture(autouse=True)
def as_before(deployed: Site) -> Iterator[None]:
    """Whatever a test does to the account, the next one finds it as deployed."""
    apps = copy.deepcopy(deployed.sim.state.apps)
    memory = deployed.memory.read_bytes()
    yield
    deployed.sim.state.apps = apps
    deployed.memory.write_bytes(memory)


def look(place: Site, app: str) -> Look:
    """What the app's step sees now."""
    deployment = place.deployment()
    found: Look = getattr(deployment.target, STEPS[app]).look(deployment)
    return found


def machines(place: Site, app: str, group: str = "") -> list[dict[str, Any]]:
    return [m for m in place.sim.state.apps[app]["machines"].values() if group in ("", group_of(m))]


def text(found: Look) -> str:
    return f"{found.evidence}\n{found.diff}\n{found.next}"


def fields(config: dict[str, Any]) -> list[Where]:
    return [
        where
        for where in leaves(config)
        if at(config, where) is not None and where[-1] not in BOOKKEEPING and where[0] != "image"
    ]


@pytest.mark.parametrize(
    ("app", "group"), [(GATEWAY, g) for g in ("edge", "gateway", "ui", "worker")] + [(CLICKHOUSE, ""), (MINIO, "")]
)
def test_f1_every_field_changed_in_turn_is_shown(deployed: Site, app: str, group: str) -> None:
    """F1: each field of the very config that a deploy made."""
    assert look(deployed, app).satisfied, text(look(deployed, app))
    (machine, *_) = machines(deployed, app, group)
    before = machine["config"]
    for where in fields(before):
        machine["config"] = copy.deepcopy(before)
        at(machine["config"], where[:-1])[where[-1]] = other(at(before, where))
        found = look(deployed, app)
        assert found.state in (State.DRIFTED, State.BLOCKED, State.MISSING), where
        assert machine["id"] in text(found) or where[0] == "metadata", (where, text(found))
        assert str(where[0]) in text(found) or where[0] in ("metadata", "mounts"), (where, text(found))
    machine["config"] = before
    assert look(deployed, app).satisfied


def test_f1_all_that_a_deploy_can_put_right_is_put_right_by_one(deployed: Site) -> None:
    """F1: every field of every gateway machine at once; afterwards each config is as it was."""
    before = {m["id"]: copy.deepcopy(m["config"]) for m in machines(deployed, GATEWAY)}
    for machine in machines(deployed, GATEWAY):
        changed = copy.deepcopy(machine["config"])
        for where in fields(changed):
            if where[0] not in ("metadata", "image"):
                at(changed, where[:-1])[where[-1]] = other(at(changed, where))
        changed["services"] = [] if group_of(machine) == "edge" else [{"protocol": "tcp", "internal_port": 4000}]
        machine["config"] = changed
        machine["cordoned"] = True
    found = look(deployed, GATEWAY)
    assert "cordoned" in text(found)
    assert "services[tcp/8080]: none → there" in text(found)
    done = deployed.deploy()
    assert done.ok, done.troubles()
    for machine in machines(deployed, GATEWAY):
        assert not machine["cordoned"]
        left, was = dict(machine["config"]), before[machine["id"]]
        assert left.pop("metadata")["fly_process_group"] == was["metadata"]["fly_process_group"]
        assert left == {key: value for key, value in was.items() if key != "metadata"}


def detach(place: Site) -> None:
    (machine,) = machines(place, CLICKHOUSE)
    machine["config"] = {key: value for key, value in machine["config"].items() if key != "mounts"}
    for volume in place.sim.state.apps[CLICKHOUSE]["volumes"].values():
        volume["attached_machine_id"] = None


def second_store(place: Site) -> None:
    app = place.sim.state.apps[MINIO]
    (machine,) = app["machines"].values()
    (volume,) = app["volumes"].values()
    twin = {**copy.deepcopy(volume), "id": f"vol_{new_id(16)}", "attached_machine_id": "9185aa"}
    app["volumes"][twin["id"]] = twin
    mounts = [{**machine["config"]["mounts"][0], "volume": twin["id"]}]
    app["machines"]["9185aa"] = {**copy.deepcopy(machine), "id": "9185aa"}
    app["machines"]["9185aa"]["config"] |= {"mounts": mounts}


def foreign(place: Site) -> None:
    app = place.sim.state.apps[CLICKHOUSE]
    (machine,) = app["machines"].values()
    app["volumes"]["vol_other"] = {**next(iter(app["volumes"].values())), "id": "vol_other", "name": "other"}
    machine["config"]["mounts"] = [{"path": "/var/lib/clickhouse", "volume": "vol_other"}]


def stranger(place: Site) -> None:
    app = place.sim.state.apps[CLICKHOUSE]
    (machine,) = app["machines"].values()
    app["machines"]["57aa"] = {**copy.deepcopy(machine), "id": "57aa"}
    app["machines"]["57aa"]["config"] = {"image": machine["config"]["image"]}


def elsewhere(place: Site) -> None:
    machines(place, GATEWAY, "gateway")[0]["region"] = "fra"


def by_the_hour(place: Site) -> None:
    machines(place, GATEWAY, "worker")[0]["config"]["schedule"] = "hourly"


REFUSED: dict[str, tuple[str, Callable[[Site], None], str, str]] = {
    "F1 the volume is detached": (CLICKHOUSE, detach, "mounts", "flyctl machine destroy"),
    "F2 a second store machine": (MINIO, second_store, "2 → 1 machines", "flyctl machine destroy"),
    "a foreign volume": (CLICKHOUSE, foreign, "vol_other", "flyctl machine destroy"),
    "a stranger behind the store's name": (CLICKHOUSE, stranger, "57aa", "flyctl machine stop 57aa"),
    "a machine in another region": (GATEWAY, elsewhere, "region fra → ord", "flyctl machine destroy"),
    "a machine that starts by the hour": (GATEWAY, by_the_hour, "schedule", "flyctl machine destroy"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_f1_f2_what_would_lose_data_is_refused_with_the_command(deployed: Site, name: str) -> None:
    """F1, F2: nothing is made, moved or destroyed; the person reads which machine, and what to type."""
    app, drift, says, command = REFUSED[name]
    drift(deployed)
    deployed.sim.forget_calls()
    found = look(deployed, app)
    assert found.state is State.BLOCKED, text(found)
    assert says in found.evidence
    assert command in found.next
    done = deployed.deploy(keys=(f"deploy.{STEPS[app]}",))
    assert done.result.outcomes[f"deploy.{STEPS[app]}"].status is Status.BLOCKED
    assert done.result.exit_code == 3
    assert deployed.sim.mutations == 0


def test_f3_a_machine_without_a_group_is_named_and_left_alone(deployed: Site) -> None:
    """F3: `fly machine run --shell`; it made every deploy redeploy all groups, for ever."""
    app = deployed.sim.state.apps[GATEWAY]
    before = described(deployed.sim)
    twin = copy.deepcopy(next(iter(app["machines"].values())))
    app["machines"]["5e11"] = twin | {"id": "5e11", "config": {"image": "docker.io/library/alpine", "env": {}}}
    deployed.sim.forget_calls()
    found = look(deployed, GATEWAY)
    assert found.satisfied
    assert "5e11" in found.evidence
    done = deployed.deploy()
    assert done.ok, done.troubles()
    assert deployed.sim.mutations == 0
    del deployed.sim.state.apps[GATEWAY]["machines"]["5e11"]
    assert described(deployed.sim) == before


def test_a_machine_too_many_is_shown_and_taken_away(deployed: Site) -> None:
    app = deployed.sim.state.apps[GATEWAY]
    before = described(deployed.sim)
    twin = copy.deepcopy(machines(deployed, GATEWAY, "worker")[0])
    app["machines"]["7007"] = twin | {"id": "7007"}
    assert "worker: 2 → 1 machines" in text(look(deployed, GATEWAY))
    done = deployed.deploy()
    assert done.ok, done.troubles()
    assert described(deployed.sim) == before


def test_what_fly_itself_adds_is_not_fought_over(deployed: Site) -> None:
    """A setting that is there right after our own deploy is Fly's; the next run leaves it."""
    configure = deployed.sim.machines._configure

    def adding(app: Any, machine: Any, config: dict[str, Any]) -> None:
        configure(app, machine, config)
        machine["config"] = {**machine["config"], "rootfs": {"fs_type": "btrfs"}}

    deployed.sim.machines._configure = adding  # type: ignore[method-assign]
    try:
        for machine in machines(deployed, GATEWAY):
            machine["config"] = {**machine["config"], "rootfs": {"fs_type": "btrfs"}}
        assert "rootfs.fs_type: btrfs → none" in text(look(deployed, GATEWAY))
        first = deployed.deploy()
        assert first.ok, first.troubles()
        deployed.sim.forget_calls()
        assert deployed.deploy().ok
        assert deployed.sim.mutations == 0
    finally:
        deployed.sim.machines._configure = configure  # type: ignore[method-assign]


def test_another_stack_on_the_same_account_is_no_concern_of_ours(deployed: Site) -> None:
    """Two stacks side by side: nothing of the other's is drift, unmanaged or destroyed here."""
    apps, addons = deployed.sim.state.apps, deployed.sim.state.addons
    for name in (GATEWAY, CLICKHOUSE, MINIO):
        apps[f"other-{name}"] = copy.deepcopy(apps[name]) | {"name": f"other-{name}"}
        for machine in apps[f"other-{name}"]["machines"].values():
            machine["config"]["env"] = {"CHANGED": "by its own people"}
    addons["other-cache"] = copy.deepcopy(next(iter(addons.values()))) | {"name": "other-cache"}
    others = {name: copy.deepcopy(app) for name, app in apps.items() if name.startswith("other-")}
    deployed.sim.forget_calls()
    try:
        for key, planned in deployed.plan().items():
            assert planned.look is None or "other-" not in text(planned.look), key
        assert deployed.deploy().ok
        assert deployed.sim.mutations == 0
        assert {name: app for name, app in apps.items() if name in others} == others
    finally:
        del addons["other-cache"]
