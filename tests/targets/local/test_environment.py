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
def world(tmp_path: Path) -> Deployment:
    made = support.world(tmp_path)
    made.gateway_dir.mkdir(parents=True)
    (made.gateway_dir / "requirements.lock").write_text("litellm==1.0 \\\n    --hash=sha256:0\n")
    return made


@pytest.fixture
def environment(world: Deployment) -> Environment:
    return Environment(support.local(world).rehearsal)


def make(world: Deployment) -> None:
    layout = support.local(world).layout
    python = layout.environment / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("")
    stamp(layout).write_text(wanted_stamp(layout))


def test_it_is_missing_at_first(world: Deployment, environment: Environment) -> None:
    assert environment.look(world).state is State.MISSING


def test_it_is_as_wanted_when_made_from_this_lock_by_this_python(world: Deployment, environment: Environment) -> None:
    make(world)
    assert environment.look(world).satisfied


def test_another_lock_is_drift(world: Deployment, environment: Environment) -> None:
    make(world)
    (world.gateway_dir / "requirements.lock").write_text("litellm==2.0 \\\n    --hash=sha256:0\n")
    assert environment.look(world).state is State.DRIFTED


def test_an_installation_that_was_cut_short_is_not_taken_for_whole(world: Deployment, environment: Environment) -> None:
    make(world)
    stamp(support.local(world).layout).unlink()
    assert environment.look(world).state is State.MISSING


def test_a_lock_that_is_not_there_is_named(world: Deployment, environment: Environment) -> None:
    (world.gateway_dir / "requirements.lock").unlink()
    with pytest.raises(RunbookError) as caught:
        environment.look(world)
    assert caught.value.code == "LOCAL-007"
    assert "requirements.lock" in caught.value.what
