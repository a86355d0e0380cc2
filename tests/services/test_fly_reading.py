"""What flyctl prints is read whatever its letter case, with fields missing and lists null."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.runbook.secret import Secret
from ops.services.fly import Deploy
from ops.services.fly.api import authorization
from ops.services.fly.deploying import release_of
from ops.services.fly.errors import FlyError
from ops.services.fly.network import Certificate
from ops.services.fly.reading import pick, rows, whole
from ops.services.fly.secrets_import import write
from ops.services.fly.shapes import App, AppStatus, Executed, Machine, Release, Version, Volume


def test_a_name_is_found_in_any_letter_case() -> None:
    for raw in ({"size_gb": 3}, {"SizeGb": 3}, {"sizeGB": 3}):
        assert pick(raw, "size_gb") == 3
    assert pick({"a": None, "b": 1}, "a", "b") == 1
    assert pick(None, "a", default=7) == 7
    assert list(rows(None)) == list(rows([None, 1])) == []
    assert (whole("12"), whole("x"), whole(None)) == (12, None, None)


def test_empty_records_are_read() -> None:
    for kind in (App, AppStatus, Machine, Release, Volume, Certificate, Executed):
        kind.read({})
    assert Machine.read({"config": None, "checks": None, "events": None, "image_ref": None}).checks == ()


def test_a_machine_on_a_lost_host_is_read_from_its_incomplete_config() -> None:
    machine = Machine.read(
        {
            "id": "d8",
            "state": "started",
            "host_status": "unreachable",
            "incomplete_config": {"metadata": {"fly_process_group": "edge", "fly_release_version": "7"}},
        }
    )
    assert (machine.group, machine.release_version, machine.healthy) == ("edge", 7, False)


def test_health_needs_started_reachable_and_every_check() -> None:
    raw = {"state": "started", "checks": [{"name": "a", "status": "passing"}, {"name": "b", "status": "warning"}]}
    assert [check.name for check in Machine.read(raw).failing] == ["b"]
    assert not Machine.read(raw).healthy
    assert Machine.read({"state": "started"}).healthy
    assert not Machine.read({"state": "stopped"}).healthy


def test_a_machine_killed_for_memory_says_so() -> None:
    raw = {"events": [{"type": "start"}, {"type": "exit", "request": {"exit_event": {"oom_killed": True}}}]}
    assert Machine.read(raw).oom_killed


def test_flyctls_helpers_and_standbys_are_not_counted() -> None:
    def machine(group: str, **more: object) -> dict[str, object]:
        return {"state": "started", "config": {"metadata": {"fly_process_group": group}, **more}}

    status = AppStatus.read(
        {
            "Machines": [
                machine("worker"),
                machine("worker", standbys=["x"]),
                machine("fly_app_release_command"),
                {**machine("worker"), "state": "destroyed"},
            ]
        }
    )
    assert len(status.machines) == 2
    assert len(status.group("worker")) == 1


@pytest.mark.parametrize(
    ("raw", "issued"),
    [
        ({"configured": True, "certificates": [{"status": "pending_validation"}]}, False),
        ({"certificates": [{"status": "active", "issued": [{"expires_at": "2027-01-01"}]}]}, True),
        ({"has_fly_certificate": True}, True),
        ({"has_fly_certificate": False, "configured": True}, False),
    ],
)
def test_issued_means_a_certificate_is_there(raw: dict[str, object], issued: bool) -> None:
    assert Certificate.read(raw).issued == issued


def test_versions_compare_by_number() -> None:
    assert Version("0.4.9").numbers < Version("0.4.56").numbers < Version("0.4.100-dev.1").numbers


def test_the_release_is_the_last_line_that_is_one() -> None:
    out = 'x\n{"a":1}\n{"id":"r1","version":3,"image_ref":"i"}\n{not json\nVisit https://one.fly.dev/\n'
    release = release_of(out)
    assert release is not None
    assert (release.id, release.version, release.image) == ("r1", 3, "i")
    assert release_of("nothing here\n") is None


def test_a_deploy_never_asks_waits_for_public_dns_or_retries(tmp_path: Path) -> None:
    wanted = Deploy(image="r/x:1", groups=("edge", "ui"), smoke_checks=False, wait_s=12.5)
    words = wanted.arguments("one", tmp_path / "f")
    assert words[:5] == ["deploy", "-c", str((tmp_path / "f").resolve()), "-a", "one"]
    assert {"--yes", "--ha=false", "--remote-only", "--dns-checks=false", "--smoke-checks=false"} <= set(words)
    assert {"13s", "edge,ui"} <= set(words)
    assert words[words.index("--deploy-retries") + 1] == "0"
    assert "--image-label" not in words


def test_a_build_names_dockerfile_label_and_arguments(tmp_path: Path) -> None:
    words = Deploy(dockerfile=tmp_path / "Dockerfile", label="v1", build_args={"B": "2", "A": "1"}).arguments(
        "one", tmp_path / "f"
    )
    assert "--image" not in words
    assert words[words.index("--image-label") + 1] == "v1"
    assert [w for w in words if "=" in w and w[0] in "AB"] == ["A=1", "B=2"]


@pytest.mark.parametrize(
    ("token", "header"),
    [
        ("fo1_abc", "Bearer fo1_abc"),
        ("FlyV1 fm2_abc,fm2_def", "FlyV1 fm2_abc,fm2_def"),
        ("fm1r_abc", "FlyV1 fm1r_abc"),
        ("Bearer plain\n", "Bearer plain"),
    ],
)
def test_the_authorization_header_is_flyctls(token: str, header: str) -> None:
    assert authorization(token) == header


def test_secrets_are_written_quoted_one_a_line_and_sorted() -> None:
    assert write({"B": Secret("x#y"), "A": Secret("it's")}) == b'A="it\'s"\nB="x#y"\n'


@pytest.mark.parametrize("value", ['a"b', "a\nb", "a\rb", "a\u2028b", "a\x00b", "", "x" * 65_000])
def test_values_flyctl_would_change_are_refused_by_name_only(value: str) -> None:
    with pytest.raises(FlyError) as caught:
        write({"NAME_OF_IT": Secret(value)})
    assert caught.value.code == "FLY-029"
    assert "NAME_OF_IT" in caught.value.what
    assert len(value) < 2 or value not in caught.value.what + caught.value.why
