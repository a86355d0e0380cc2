"""The gateway's environment is as old as its lock."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.step import State
from ops.targets.deployment import Deployment
from ops.targets.local.environment import Environment, stamp, wanted_stamp
from tests.targets.local import support


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    made = support.deployment(tmp_path)
    made.gateway_dir.mkdir(parents=True)
    (made.gateway_dir / "requirements.lock").write_text("litellm==1.0 \\\n    --hash=sha256:0\n")
    return made


@pytest.fixture
def environment(deployment: Deployment) -> Environment:
    return Environment(support.local(deployment).rehearsal)


def make(deployment: Deployment) -> None:
    layout = support.local(deployment).layout
    python = layout.environment / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("")
    stamp(layout).write_text(wanted_stamp(layout))


def test_it_is_missing_at_first(deployment: Deployment, environment: Environment) -> None:
    assert environment.look(deployment).state is State.MISSING


def test_it_is_as_wanted_when_made_from_this_lock_by_this_python(
    deployment: Deployment, environment: Environment
) -> None:
    make(deployment)
    assert environment.look(deployment).satisfied


def test_another_lock_is_drift(deployment: Deployment, environment: Environment) -> None:
    make(deployment)
    (deployment.gateway_dir / "requirements.lock").write_text("litellm==2.0 \\\n    --hash=sha256:0\n")
    assert environment.look(deployment).state is State.DRIFTED


def test_an_installation_that_was_cut_short_is_not_taken_for_whole(
    deployment: Deployment, environment: Environment
) -> None:
    make(deployment)
    stamp(support.local(deployment).layout).unlink()
    assert environment.look(deployment).state is State.MISSING


def test_a_lock_that_is_not_there_is_named(deployment: Deployment, environment: Environment) -> None:
    (deployment.gateway_dir / "requirements.lock").unlink()
    with pytest.raises(RunbookError) as caught:
        environment.look(deployment)
    assert caught.value.code == "LOCAL-007"
    assert "requirements.lock" in caught.value.what
