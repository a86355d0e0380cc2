"""What CONTRIBUTING.md and the hooks name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ops.commands.namespace import namespace

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\./inv ([a-z]+\.[a-z]+)", TEXT))))
def test_every_command_is_there(name: str) -> None:
    assert name in namespace().task_names


@pytest.mark.parametrize("place", sorted(set(re.findall(r"`((?:ops|docs|tests)/[a-z_/.]+)`", TEXT))))
def test_every_place_is_there(place: str) -> None:
    assert (ROOT / place).exists()


def test_the_hooks_run_tools_of_the_lock_only() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        tool = hook["entry"].split()[0]
        assert tool.startswith(".venv-dev/bin/")
        assert (ROOT / tool).exists()


def test_the_forge_only_calls_what_everybody_calls() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    steps = workflow["jobs"]["check"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == [".ci/run"]
