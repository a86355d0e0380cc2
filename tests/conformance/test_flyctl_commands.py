"""Every command the client uses, run for real against the simulated account."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.runbook.secret import Secret
from ops.services.fly import Deploy, Fly, FlyError
from tests.conformance.conftest import IMAGE, NEXT_IMAGE
from tests.flysim.server import FlySim


def test_version_and_identity_are_read(fly: Fly, sim: FlySim) -> None:
    assert fly.require("0.4.56").numbers >= (0, 4, 56)
    assert fly.whoami() == sim.email
    assert fly.orgs() == {"personal": "Test Organisation"}
    with pytest.raises(FlyError) as caught:
        fly.require("9999.0.0")
    assert caught.value.code == "FLY-002"


def test_an_app_is_created_listed_and_destroyed(fly: Fly, sim: FlySim) -> None:
    assert fly.apps("personal") == {}
    assert fly.status("one") is None
    made = fly.create_app("one", "personal")
    assert (made.name, made.deployed) == ("one", False)
    assert list(fly.apps("personal")) == ["one"]
    assert fly.status("one") is not None
    fly.destroy_app("one")
    fly.destroy_app("one")
    assert sim.state.apps == {}


AWKWARD = {
    "PLAIN": "abcdef123456",
    "HASH": "before#after #more",
    "SINGLE": "it's 'quoted'",
    "EQUALS": "a=b=c==",
    "DOLLAR": "$HOME ${X} `id` $(id) \\n \\",
    "SPACES": "  leading and trailing  ",
    "URL": "postgresql://u.ref:p%40ss%23w@db.example.com:5432/postgres?sslmode=require&x=1",
    "UNICODE": "żółw-πρ-✓",
    "LONG": "x" * 50_000,
    "TRIPLE": "'''",
}


def test_secrets_arrive_exactly_as_they_are(fly: Fly, sim: FlySim) -> None:
    fly.create_app("one", "personal")
    fly.import_secrets("one", {name: Secret(value) for name, value in AWKWARD.items()})
    stored = {name: kept["value"] for name, kept in sim.state.apps["one"]["secrets"].items()}
    assert stored == AWKWARD


def test_secrets_are_staged_listed_and_removed(fly: Fly) -> None:
    fly.create_app("one", "personal")
    fly.import_secrets("one", {"A": Secret("first-value"), "B": Secret("second-value")})
    listed = fly.secrets("one")
    assert {name: state.status for name, state in listed.items()} == {"A": "Staged", "B": "Staged"}
    assert len({state.digest for state in listed.values()}) == 2
    fly.unset_secrets("one", ["B", "NEVER_SET"])
    assert list(fly.secrets("one")) == ["A"]


def test_importing_nothing_calls_nothing(fly: Fly, sim: FlySim) -> None:
    fly.import_secrets("one", {})
    fly.unset_secrets("one", [])
    assert sim.calls == []


def test_staged_secrets_reach_the_machines_with_one_restart_on_the_same_image(
    fly: Fly, sim: FlySim, toml: Path
) -> None:
    fly.create_app("one", "personal")
    fly.deploy("one", toml, Deploy(image=IMAGE))
    before = fly.status("one")
    fly.import_secrets("one", {"A": Secret("first-value")})
    assert fly.secrets("one")["A"].status == "Staged"
    fly.deploy_secrets("one")
    assert fly.secrets("one")["A"].status == "Deployed"
    after = fly.status("one")
    assert before is not None
    assert after is not None
    assert {m.digest for m in after.machines} == {m.digest for m in before.machines}
    assert {m.id for m in after.machines} == {m.id for m in before.machines}
    assert {m.release_version for m in after.machines} == {2}


def test_volumes_are_created_and_grown(fly: Fly) -> None:
    fly.create_app("one", "personal")
    made = fly.create_volume("one", "data", "ord", 2)
    (listed,) = fly.volumes("one")
    assert (listed.id, listed.name, listed.region, listed.size_gb) == (made.id, "data", "ord", 2)
    fly.extend_volume("one", made.id, 5)
    assert fly.volumes("one")[0].size_gb == 5


def test_addresses_are_allocated_and_listed(fly: Fly, sim: FlySim) -> None:
    fly.create_app("one", "personal")
    assert fly.ips("one") == []
    fly.allocate_shared_v4("one")
    fly.allocate_shared_v4("one")
    fly.allocate_v6("one")
    assert sorted(ip.kind for ip in fly.ips("one")) == ["shared_v4", "v6"]
    assert all(ip.address for ip in fly.ips("one"))


def test_a_certificate_goes_from_added_to_issued(fly: Fly, sim: FlySim) -> None:
    host = "gateway.example.com"
    sim.dns.everything = False
    fly.create_app("one", "personal")
    fly.allocate_shared_v4("one")
    fly.allocate_v6("one")
    assert fly.cert("one", host) is None
    added = fly.add_cert("one", host)
    assert added.needs.a == ("198.51.100.7",)
    assert added.needs.aaaa
    assert added.needs.acme_name == f"_acme-challenge.{host}"
    assert not fly.check_cert("one", host).issued
    assert fly.check_cert("one", host).problems
    sim.dns.right.add(host)
    begun = fly.cert("one", host)
    assert begun is not None
    assert begun.configured
    assert not begun.issued
    assert fly.check_cert("one", host).issued
    full = fly.cert("one", host)
    assert full is not None
    assert full.issued
    assert full.expires_at


def test_reading_a_certificate_validates_nothing(fly: Fly, sim: FlySim) -> None:
    fly.create_app("one", "personal")
    fly.add_cert("one", "gateway.example.com")
    sim.forget_calls()
    fly.cert("one", "gateway.example.com")
    assert sim.mutations == 0


def test_a_deploy_is_described_machine_by_machine(fly: Fly, sim: FlySim, toml: Path) -> None:
    fly.create_app("one", "personal")
    release = fly.deploy("one", toml, Deploy(image=IMAGE))
    assert (release.version, release.image) == (1, IMAGE)
    status = fly.status("one")
    assert status is not None
    assert sorted(m.group for m in status.machines) == ["edge", "worker"]
    for machine in status.machines:
        assert machine.healthy
        assert machine.release_version == 1
        assert machine.digest == sim.state.images[IMAGE]
        assert machine.checks
        assert machine.memory_mb == 256
    assert sorted(ip.kind for ip in fly.ips("one")) == ["shared_v4", "v6"]
    assert [m.id for m in fly.machines("one")]


def test_a_second_deploy_changes_the_same_machines_and_is_listed(fly: Fly, toml: Path) -> None:
    fly.create_app("one", "personal")
    fly.deploy("one", toml, Deploy(image=IMAGE))
    before = fly.status("one")
    fly.deploy("one", toml, Deploy(image=NEXT_IMAGE))
    after = fly.status("one")
    assert before is not None
    assert after is not None
    assert {m.id for m in before.machines} == {m.id for m in after.machines}
    assert [(r.version, r.image, r.status) for r in fly.releases("one")] == [
        (2, NEXT_IMAGE, "complete"),
        (1, IMAGE, "complete"),
    ]


def test_one_group_can_be_deployed_before_the_others(fly: Fly, toml: Path) -> None:
    fly.create_app("one", "personal")
    fly.deploy("one", toml, Deploy(image=IMAGE, groups=("edge",)))
    status = fly.status("one")
    assert status is not None
    assert [m.group for m in status.machines] == ["edge"]
    fly.deploy("one", toml, Deploy(image=IMAGE))
    status = fly.status("one")
    assert status is not None
    assert sorted(m.group for m in status.machines) == ["edge", "worker"]


def test_scaling_is_idempotent_and_uses_the_newest_image(fly: Fly, sim: FlySim, toml: Path) -> None:
    fly.create_app("one", "personal")
    fly.deploy("one", toml, Deploy(image=IMAGE))
    fly.scale_count("one", {"worker": 3}, region="ord", config=toml)
    assert {g.group: g.count for g in fly.scale("one")} == {"edge": 1, "worker": 3}
    sim.forget_calls()
    fly.scale_count("one", {"worker": 3}, region="ord", config=toml)
    assert sim.mutations == 0
    fly.scale_count("one", {"worker": 1}, config=toml)
    status = fly.status("one")
    assert status is not None
    assert len(status.group("worker")) == 1


def test_a_command_inside_a_machine_reports_its_own_exit_code(fly: Fly, sim: FlySim, toml: Path) -> None:
    fly.create_app("one", "personal")
    fly.deploy("one", toml, Deploy(image=IMAGE))
    machine = fly.machines("one")[0]
    sim.v1.execute = lambda app, m, command: (3, f"ran {command}", "oh")
    done = fly.exec("one", machine.id, "sh -c 'exit 3'")
    assert (done.exit_code, done.stdout, done.stderr) == (3, "ran sh -c 'exit 3'", "oh")


def test_logs_are_read_and_an_empty_log_ends(fly: Fly, sim: FlySim) -> None:
    fly.create_app("one", "personal")
    assert fly.logs("one") == []
    sim.rest.logs["one"] = [
        {"instance": "m1", "level": "info", "message": "hello", "region": "ord", "timestamp": "2026-01-01T00:00:00Z"},
        {"instance": "m2", "level": "info", "message": "other", "region": "ord", "timestamp": "2026-01-01T00:00:01Z"},
    ]
    assert [line.message for line in fly.logs("one")] == ["hello", "other"]
    assert [line.message for line in fly.logs("one", machine="m2")] == ["other"]
