"""What others change behind the runbook's back is found by the plan and put right by the deploy, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ops.runbook.step import State, Status
from tests.targets.fly.support import CLICKHOUSE, GATEWAY, HOSTS, MINIO, Site, described

OLD = "registry.example.com/gateway:0"

DRIFTS: dict[str, tuple[str, Callable[[Site], object], str]] = {
    "a secret changed by hand": (
        "deploy.secrets",
        lambda place: place.sim.drift.change_secret(GATEWAY, "LITELLM_MASTER_KEY", "by-hand-" * 3),
        "LITELLM_MASTER_KEY",
    ),
    "a secret removed by hand": (
        "deploy.secrets",
        lambda place: place.sim.drift.remove_secret(CLICKHOUSE, "CLICKHOUSE_PASSWORD"),
        "CLICKHOUSE_PASSWORD",
    ),
    "a machine on an old image": (
        "deploy.release",
        lambda place: place.sim.drift.old_image(GATEWAY, "gateway", OLD),
        OLD,
    ),
    "a machine deleted": ("deploy.release", lambda place: place.sim.drift.delete_machine(GATEWAY, "worker"), "worker"),
    "a machine stopped": ("deploy.release", lambda place: place.sim.drift.stop_machine(GATEWAY, "edge"), "stopped"),
    "ClickHouse's machine stopped": (
        "deploy.clickhouse",
        lambda place: place.sim.drift.stop_machine(CLICKHOUSE, "app"),
        "stopped",
    ),
    "a certificate removed": ("deploy.domains", lambda place: place.sim.drift.remove_cert(GATEWAY, HOSTS[1]), HOSTS[1]),
    "the addresses released": ("deploy.app", lambda place: place.sim.drift.release_ips(GATEWAY), "shared_v4"),
    "a store given a public address": (
        "deploy.app",
        lambda place: place.sim.drift.allocate_ip(MINIO, "v6"),
        "public address",
    ),
    "eviction switched on": (
        "setup.redis",
        lambda place: place.sim.drift.eviction("hotdash-llm-cache"),
        "eviction on → off",
    ),
}


@pytest.mark.parametrize("name", DRIFTS)
def test_drift_is_found_by_the_plan_and_put_right_by_the_deploy(deployed: Site, name: str) -> None:
    key, drift, says = DRIFTS[name]
    before = described(deployed.sim)
    values = {k: v["value"] for k, v in deployed.sim.state.apps[GATEWAY]["secrets"].items()}
    drift(deployed)
    deployed.sim.forget_calls()
    found = deployed.plan()[key].look
    assert deployed.sim.mutations == 0
    assert found is not None
    assert found.state in (State.DRIFTED, State.MISSING), found
    assert says in f"{found.evidence}\n{found.diff}"
    done = deployed.deploy()
    assert done.ok, done.troubles()
    assert key in done.changed()
    assert described(deployed.sim) == before
    assert {k: v["value"] for k, v in deployed.sim.state.apps[GATEWAY]["secrets"].items()} == values
    deployed.sim.forget_calls()
    again = deployed.deploy()
    assert again.ok, again.troubles()
    assert deployed.sim.mutations == 0


def test_a_secret_changed_by_hand_costs_one_restart(deployed: Site) -> None:
    releases = len(deployed.sim.state.apps[GATEWAY]["releases"])
    deployed.sim.drift.change_secret(GATEWAY, "ADMIN_KEY", "by-hand-" * 3)
    done = deployed.deploy()
    assert done.ok, done.troubles()
    assert len(deployed.sim.state.apps[GATEWAY]["releases"]) == releases + 1


@pytest.mark.parametrize("memory", [True, False], ids=["remembered", "by its releases alone"])
def test_a_lost_volume_that_held_data_is_refused_and_nothing_is_made_in_its_place(copied: Site, memory: bool) -> None:
    copied.sim.drift.delete_volume(CLICKHOUSE, "clickhouse_data")
    if not memory:
        copied.memory.unlink()
    planned = copied.plan()["deploy.clickhouse"].look
    assert planned is not None
    if memory:
        assert planned.state is State.BLOCKED
        assert "held data" in planned.evidence
    done = copied.deploy()
    assert done.result.exit_code == 3
    outcome = done.result.outcomes["deploy.clickhouse"]
    assert outcome.status is Status.BLOCKED
    assert "held data" in outcome.evidence
    assert f"RUNBOOK_ACCEPT_EMPTY_VOLUME={CLICKHOUSE}" in outcome.next
    assert copied.sim.state.apps[CLICKHOUSE]["volumes"] == {}
    accepted = copied.deploy(RUNBOOK_ACCEPT_EMPTY_VOLUME=CLICKHOUSE)
    assert accepted.ok, accepted.troubles()
    assert len(copied.sim.state.apps[CLICKHOUSE]["volumes"]) == 1


def test_a_fresh_laptop_with_the_vault_alone_ends_at_the_same_state(copied: Site) -> None:
    before = described(copied.sim)
    import shutil

    shutil.rmtree(copied.root / ".state")
    again = copied.deploy()
    assert again.ok, again.troubles()
    assert described(copied.sim) == before
    copied.sim.forget_calls()
    last = copied.deploy()
    assert last.ok, last.troubles()
    assert copied.sim.mutations == 0


def test_a_fresh_laptop_does_not_take_langfuse_off_the_pooler(copied: Site) -> None:
    import shutil

    shutil.rmtree(copied.root / ".state")
    planned = copied.plan()["deploy.pooled"].look
    assert "direct" not in planned.evidence, "the machines work over the pooler, whatever this laptop remembers"
    started: list[str] = []
    configure = copied.sim.machines._configure

    def watched(app: dict[str, Any], machine: dict[str, Any], config: dict[str, Any]) -> None:
        configure(app, machine, config)
        started.append(app["secrets"].get("LANGFUSE_DATABASE_URL", {}).get("value", "pgbouncer=true"))

    copied.sim.machines._configure = watched  # type: ignore[method-assign]
    again = copied.deploy()
    assert again.ok, again.troubles()
    assert all("pgbouncer=true" in url for url in started), "machines were started on the direct connection"


def test_a_changed_config_is_deployed_and_only_it(copied: Site) -> None:
    machines = set(copied.sim.state.apps[GATEWAY]["machines"])
    stores = {app: len(copied.sim.state.apps[app]["releases"]) for app in (CLICKHOUSE, MINIO)}
    done = copied.deploy(STACK__FLY__GROUPS__GATEWAY__MEMORY_MB="1024")
    assert done.ok, done.troubles()
    found = copied.sim.state.apps[GATEWAY]["machines"].values()
    memory = {m["config"]["metadata"]["fly_process_group"]: m["config"]["guest"]["memory_mb"] for m in found}
    assert memory["gateway"] == 1024
    assert set(copied.sim.state.apps[GATEWAY]["machines"]) == machines
    assert {app: len(copied.sim.state.apps[app]["releases"]) for app in (CLICKHOUSE, MINIO)} == stores


def test_more_machines_in_the_stack_are_added_and_a_larger_volume_grows(copied: Site) -> None:
    more = {"STACK__FLY__GROUPS__GATEWAY__COUNT": "3", "STACK__CLICKHOUSE__VOLUME_GB": "30"}
    done = copied.deploy(**more)
    assert done.ok, done.troubles()
    groups = [m["config"]["metadata"]["fly_process_group"] for m in copied.sim.state.apps[GATEWAY]["machines"].values()]
    assert groups.count("gateway") == 3
    assert [v["size_gb"] for v in copied.sim.state.apps[CLICKHOUSE]["volumes"].values()] == [30]
    copied.sim.forget_calls()
    again = copied.deploy(**more)
    assert again.ok, again.troubles()
    assert copied.sim.mutations == 0


def test_built_images_are_recognised_by_their_names_without_any_memory(place: Site) -> None:
    from ops.targets.fly import image

    names = {"FLY_IMAGE": image.gateway, "FLY_IMAGE_CLICKHOUSE": image.clickhouse, "FLY_IMAGE_STORAGE": image.storage}
    for key in names:
        del place.environ[key]
    # As Fly's builder would leave them: the tag names what the image is made of.
    rendered = place.deploy(keys=("build.dockerfile", "build.scripts", "build.config", "build.fly"))
    assert rendered.ok, rendered.troubles()
    built = {key: of(place.deployment()).wanted for key, of in names.items()}
    for ref in built.values():
        place.sim.state.add_image(ref)
    first = place.deploy(**built)
    assert first.ok, first.troubles()
    place.memory.write_text(place.memory.read_text().replace('"deployed"', '"forgotten"'))
    planned = place.plan()
    for key in ("deploy.release", "deploy.clickhouse", "deploy.storage"):
        assert planned[key].look.satisfied, planned[key]
    plugin = next((place.root / "fly" / "hotdash-llm-gateway" / "llm_gateway").rglob("pricing.py"))
    plugin.write_text(plugin.read_text() + "\n# changed\n")
    planned = place.plan()
    assert "image registry.fly.io/hotdash-llm-gateway:src-" in planned["deploy.release"].look.diff
    assert planned["deploy.clickhouse"].look.satisfied
