"""Each process has its own variables as the vault has them now, and nobody else's."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from ops.runbook.secret import Secret
from ops.runbook.step import State
from ops.targets.deployment import Deployment
from ops.targets.local import langfuse, ports
from ops.targets.local.layout import write_private
from tests.targets.local import support


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    made = support.deployment(tmp_path)
    support.fill_vault(made)
    support.local(made).rehearsal.ports.reserve(ports.NAMES)
    return made


def variables(deployment: Deployment, name: str) -> dict[str, str]:
    found: dict[str, str] = json.loads((support.local(deployment).layout.env / f"{name}.json").read_text())
    return found


def holds(deployment: Deployment, name: str, secret: str) -> bool:
    value = deployment.vault.get(secret).reveal()
    return any(value in text for text in variables(deployment, name).values())


def test_nothing_can_be_known_before_the_ports_are_picked(tmp_path: Path) -> None:
    made = support.deployment(tmp_path)
    look = made.target.secrets.look(made)
    assert (look.state, look.until) == (State.UNKNOWN, "3.1")


def test_nothing_can_be_known_before_the_vault_is_full(tmp_path: Path) -> None:
    made = support.deployment(tmp_path)
    support.local(made).rehearsal.ports.reserve(ports.NAMES)
    assert made.target.secrets.look(made).state is State.UNKNOWN


def test_looking_writes_nothing(deployment: Deployment) -> None:
    assert deployment.target.secrets.look(deployment).state is State.MISSING
    assert not support.local(deployment).layout.env.exists()


def test_once_handed_over_there_is_nothing_to_do(deployment: Deployment) -> None:
    deployment.target.secrets.act(deployment, support.quiet)
    look = deployment.target.secrets.look(deployment)
    assert look.satisfied, look


def test_the_files_are_their_owners_only(deployment: Deployment) -> None:
    deployment.target.secrets.act(deployment, support.quiet)
    layout = support.local(deployment).layout
    files = [*layout.env.iterdir(), layout.data("storage") / "s3.json"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_each_process_gets_its_own_and_nobody_elses(deployment: Deployment) -> None:
    deployment.target.secrets.act(deployment, support.quiet)
    assert holds(deployment, "gateway", "PROD_CEO_KEY")
    assert holds(deployment, "gateway", "OPENAI_API_KEY")
    assert holds(deployment, "langfuse", "LANGFUSE_ADMIN_PASSWORD")
    for process in ("openai", "langfuse", "edge", "storage"):
        assert not holds(deployment, process, "PROD_CEO_KEY"), process
        assert not holds(deployment, process, "LITELLM_MASTER_KEY"), process
    for process in ("gateway", "openai", "edge", "storage"):
        assert not holds(deployment, process, "LANGFUSE_DB_PASSWORD"), process
    assert holds(deployment, "openai", "OPENAI_API_KEY")
    assert not any(holds(deployment, "edge", name) for name in deployment.vault.names())


def test_a_rotated_secret_is_drift_and_the_difference_shows_names_only(deployment: Deployment) -> None:
    deployment.target.secrets.act(deployment, support.quiet)
    deployment.vault.put({"PROD_CEO_KEY": Secret("another-key-of-some-length")}, origin="generated")
    look = deployment.target.secrets.look(deployment)
    assert look.state is State.DRIFTED
    assert "gateway: PROD_CEO_KEY" in look.diff
    assert "another-key" not in look.diff + look.evidence
    deployment.target.secrets.act(deployment, support.quiet)
    assert deployment.target.secrets.look(deployment).satisfied
    assert variables(deployment, "gateway")["PROD_CEO_KEY"] == "another-key-of-some-length"


def test_a_file_somebody_edited_is_drift(deployment: Deployment) -> None:
    deployment.target.secrets.act(deployment, support.quiet)
    file = support.local(deployment).layout.env / "gateway.json"
    write_private(file, file.read_text().replace("GATEWAY_PORT", "PORT"))
    assert deployment.target.secrets.look(deployment).diff == "gateway: GATEWAY_PORT, PORT"


def test_langfuse_works_over_the_direct_port_first_and_the_pooled_one_once_it_is_switched(
    deployment: Deployment,
) -> None:
    layout = support.local(deployment).layout
    deployment.target.secrets.act(deployment, support.quiet)
    direct = variables(deployment, "langfuse")
    assert ":20001/" in direct["DATABASE_URL"]
    assert ":20001/" in direct["DIRECT_URL"]
    write_private(layout.stage, langfuse.POOLED + "\n")
    assert deployment.target.secrets.look(deployment).state is State.DRIFTED
    deployment.target.secrets.act(deployment, support.quiet)
    pooled = variables(deployment, "langfuse")
    assert ":20002/" in pooled["DATABASE_URL"]
    assert pooled["DIRECT_URL"] == direct["DIRECT_URL"]
    assert deployment.target.secrets.look(deployment).satisfied


def test_langfuse_connects_as_the_role_and_never_as_the_administrator(deployment: Deployment) -> None:
    deployment.target.secrets.act(deployment, support.quiet)
    found = variables(deployment, "langfuse")
    assert f"//{deployment.stack.postgres.role}:" in found["DATABASE_URL"]
    assert "admin-password" not in json.dumps(found)


def test_the_stores_user_reaches_its_bucket_and_nothing_else(deployment: Deployment) -> None:
    deployment.target.secrets.act(deployment, support.quiet)
    people = json.loads((support.local(deployment).layout.data("storage") / "s3.json").read_text())["identities"]
    user = next(person for person in people if person["name"] == "langfuse")
    assert user["credentials"][0]["accessKey"] == deployment.vault.get("S3_ACCESS_KEY_ID").reveal()
    assert all(action.endswith(f":{deployment.stack.storage.bucket}") for action in user["actions"])
