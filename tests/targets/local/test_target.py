"""The rehearsal as the phases see it."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.step import State
from ops.targets.deployment import Deployment
from ops.targets.local import processes
from ops.targets.local.layout import make_private, write_private
from tests.targets.local import support

PARTS = ("redis", "app", "secrets", "clickhouse", "storage", "release", "domains", "pooled")


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    made = support.deployment(tmp_path)
    made.gateway_dir.mkdir(parents=True)
    (made.gateway_dir / "requirements.lock").write_text("")
    return made


def files(root: Path) -> set[Path]:
    return set(root.rglob("*"))


def test_looking_at_everything_before_anything_is_there_writes_nothing(deployment: Deployment) -> None:
    before = files(deployment.paths.root)
    # The packages are no part of this deployment: they are the checkout's, or this Python's own.
    looks = [step.look(deployment) for step in deployment.target.preparation() if step.key != "local.packages"]
    looks += [getattr(deployment.target, part).look(deployment) for part in PARTS]
    assert {look.state for look in looks} == {State.MISSING, State.UNKNOWN, State.UNAVAILABLE}
    assert files(deployment.paths.root) == before
    assert not support.local(deployment).layout.run.exists()


def test_preparation_is_numbered_and_needs_only_its_own_steps(deployment: Deployment) -> None:
    steps = deployment.target.preparation()
    assert [step.number for step in steps] == ["0.1", "0.2", "0.3", "0.4", "0.5"]
    assert {need for step in steps for need in step.needs} <= {step.key for step in steps}


def test_what_it_cannot_do_is_said_with_a_reason(deployment: Deployment) -> None:
    look = deployment.target.clickhouse.look(deployment)
    assert look.state is State.UNAVAILABLE
    assert "Docker" in look.evidence


def test_its_vault_is_its_own(deployment: Deployment) -> None:
    assert deployment.vault.path == deployment.paths.state / "vault.json"
    assert deployment.vault.path != deployment.paths.inside(deployment.stack.stack.vault)


def test_endpoints_are_the_edges_and_need_no_name_service(deployment: Deployment) -> None:
    port = support.local(deployment).rehearsal.ports.get("edge_https")
    found = deployment.target.endpoints()
    assert found.gateway == f"https://{deployment.stack.domains.gateway}:{port}"
    assert found.langfuse == f"https://{deployment.stack.domains.langfuse}:{port}"
    assert found.connect == f"127.0.0.1:{port}"
    assert found.ca is not None
    assert found.ca.is_relative_to(deployment.paths.state)


def test_the_doctor_finds_this_machine_fit(deployment: Deployment) -> None:
    found = deployment.target.requirements()
    assert [line for line in found if not line.ok] == []


def test_the_doctor_names_what_is_missing_and_how_to_get_it(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.targets.local.tools.find", lambda name: None)
    lacking = {line.name: line for line in deployment.target.requirements() if not line.ok}
    assert "edge (Caddy)" in lacking
    assert lacking["edge (Caddy)"].get


def test_the_log_of_no_server_is_refused_with_the_names_there_are(deployment: Deployment) -> None:
    with pytest.raises(RunbookError) as caught:
        support.logs(deployment, "nothing")
    assert caught.value.code == "LOCAL-009"
    assert "supervisord" in caught.value.why


def test_nothing_to_stop_is_no_error(deployment: Deployment) -> None:
    assert support.down(deployment) == []


def test_it_is_shown_and_stopped_also_while_the_stack_file_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "stack.toml"
    file.write_text("version = \n")
    broken = support.deployment(tmp_path / "root", RUNBOOK_STACK=str(file))
    layout = support.local(broken).layout
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        processes.record(layout.pids / "postgres", process.pid)
        threading.Thread(target=process.wait, daemon=True).start()
        assert support.status(broken)[0].state == "STOPPED"
        assert support.down(broken, purge=True) == ["postgres"]
    assert not layout.pids.exists()


def test_it_is_stopped_also_while_the_record_of_its_ports_is_broken(deployment: Deployment) -> None:
    layout = support.local(deployment).layout
    write_private(layout.state / "ports.json", "no JSON")
    make_private(layout.run)
    assert support.down(deployment) == []
    assert not layout.run.exists()
