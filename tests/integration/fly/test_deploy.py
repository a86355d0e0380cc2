"""From an empty account to the described state, and nothing to do after that."""

from __future__ import annotations

import json
from pathlib import Path

from ops.runbook.step import State
from tests.targets.fly.support import CLICKHOUSE, GATEWAY, HOSTS, IMAGES, MINIO, Site, described


def test_an_empty_account_is_brought_to_the_described_state_and_a_second_run_changes_nothing(place: Site) -> None:
    sim = place.sim
    planned = place.plan()
    assert sim.mutations == 0, "a plan of an empty account changes something"
    assert planned["deploy.app"].look is not None
    assert planned["deploy.app"].look.state is State.MISSING

    first = place.deploy()
    assert first.ok, first.troubles()
    digest = {name: sim.state.images[ref] for name, ref in IMAGES.items()}
    found = described(sim)
    assert found["redis"] == {"hotdash-llm-cache": ["plan-fixed-250mb", {}, "ord"]}
    assert found["apps"][GATEWAY]["machines"] == [
        [group, digest["FLY_IMAGE"]] for group in ("edge", "edge", "gateway", "gateway", "ui", "ui", "worker")
    ]
    assert sorted(found["apps"][GATEWAY]["ips"]) == ["shared_v4", "v6"]
    assert found["apps"][GATEWAY]["certificates"] == sorted(HOSTS)
    for app, name, image in (
        (CLICKHOUSE, "clickhouse_data", "FLY_IMAGE_CLICKHOUSE"),
        (MINIO, "minio_data", "FLY_IMAGE_STORAGE"),
    ):
        assert found["apps"][app]["volumes"] == [[name, 20]]
        assert found["apps"][app]["machines"] == [["app", digest[image]]]
        assert found["apps"][app]["ips"] == []
    assert not sim.unknown

    sim.forget_calls()
    second = place.deploy()
    assert second.ok, second.troubles()
    assert second.changed() == set()
    assert sim.mutations == 0, [call.operation for call in sim.mutating_calls()]
    place.plan()
    assert sim.mutations == 0


def test_each_app_holds_its_own_secrets_and_no_other(deployed: Site) -> None:
    held = {name: set(app["secrets"]) for name, app in deployed.sim.state.apps.items()}
    assert held[CLICKHOUSE] == {"CLICKHOUSE_ADMIN_PASSWORD", "CLICKHOUSE_PASSWORD"}
    assert held[MINIO] == {"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"}
    from ops.render import processes

    assert held[GATEWAY] == processes.secrets(deployed.deployment().stack)


def test_langfuse_ends_on_the_pooled_connection_and_migrates_over_the_direct_one(deployed: Site) -> None:
    kept = deployed.sim.state.apps[GATEWAY]["secrets"]
    assert "pgbouncer=true" in kept["LANGFUSE_DATABASE_URL"]["value"]
    assert "pgbouncer" not in kept["LANGFUSE_DIRECT_URL"]["value"]


def test_the_first_ui_machine_is_healthy_before_anything_else_starts_and_is_the_only_one(place: Site) -> None:
    seen: list[tuple[list[str], bool]] = []
    launch = place.sim.machines.launch

    def watched(app: dict[str, object], body: dict[str, object]) -> dict[str, object]:
        if app["name"] == GATEWAY:
            machines = [place.sim.machines.view(app, m) for m in app["machines"].values()]  # type: ignore[attr-defined]
            groups = [m["config"]["metadata"]["fly_process_group"] for m in machines]
            well = all(c["status"] == "passing" for m in machines for c in m.get("checks", []))
            seen.append((groups, well))
        return launch(app, body)

    place.sim.machines.launch = watched  # type: ignore[method-assign]
    done = place.deploy()
    assert done.ok, done.troubles()
    assert seen[0][0] == []
    assert seen[1] == (["ui"], True), "the second machine came before the first, a ui, was healthy"
    assert all(groups.count("ui") == 1 and well for groups, well in seen[1:2])


def test_no_secret_is_in_a_log_a_journal_an_argument_or_flyctl_own_folder(place: Site, tmp_path: Path) -> None:
    from tests.flysim import binaries

    argv = tmp_path / "argv.jsonl"
    wrapped = binaries.recording(Path(place.environ["FLYCTL"]), tmp_path / "bin", argv)
    done = place.deploy(FLYCTL=str(wrapped))
    assert done.ok, done.troubles()
    vault = place.deployment().vault
    values = {name: vault.get(name).reveal() for name in vault.names()} | {"token": place.sim.token}
    calls = [json.loads(line) for line in argv.read_text().splitlines()]
    assert len(calls) > 20
    texts = {"arguments": "\n".join(" ".join(call["argv"]) for call in calls), "said": "\n".join(done.lines)}
    for file in (place.root / ".state").rglob("*"):
        if file.is_file() and file.name != "digest.key":
            texts[str(file.relative_to(place.root))] = file.read_text(errors="replace")
    assert any("flyctl" in name for name in texts)
    for where, text in texts.items():
        for name, value in values.items():
            assert value not in text, f"{name} is in {where}"
