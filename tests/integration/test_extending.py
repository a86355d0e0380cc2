"""What is added by touching one or two files: a step, a phase, a team, a model, a target. For real, in a copy."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.description.paths import ROOT
from tests.integration.checkout import Checkout

STEP = '''"""Step {number}: a step that a test adds."""

from ops.runbook.step import Criterion, Look, Say, Step, missing, satisfied
from ops.targets.deployment import Deployment


def look(deployment: Deployment) -> Look:
    """Whether the file is there."""
    there = (deployment.paths.state / "{key}").exists()
    return satisfied("the file is there") if there else missing("no file")


def act(deployment: Deployment, say: Say) -> None:
    """Make it."""
    deployment.paths.state.mkdir(parents=True, exist_ok=True)
    (deployment.paths.state / "{key}").touch()


STEP: Step[Deployment] = Step(
    "{number}",
    "{key}",
    "An added step",
    "shows that a step is one file",
    look,
    act,
    effect="nobody notices",
    criteria=(Criterion("{group}", 9, "Added for {{stack.domains.gateway}}"),),
)
'''

PHASE = '''"""Phase 6: a phase that a test adds, with its one step."""

from dataclasses import replace

from ops.phases.document.cutover import STEP
from ops.runbook.phase import Phase
from ops.targets.deployment import Deployment

PHASE: Phase[Deployment] = Phase(
    6,
    "review",
    "Review",
    "All of phase 6.",
    steps=(replace(STEP, number="6.1", key="review.guide", name="Read the guide", criteria=()),),
    evidence="docs/runbooks/llm-gateway-incident.md",
)
'''

TARGET = '''"""The target `elsewhere`: the rehearsal under another name."""

from pathlib import Path

from ops.targets.base import Target
from ops.targets.workspace import Workspace


def vault_file(workspace: Workspace) -> Path:
    """Its own vault."""
    return workspace.paths.state / "vault.json"


def make(workspace: Workspace) -> Target:
    """The target."""
    from ops.targets.local.target import Local

    class Elsewhere(Local):
        name = "elsewhere"

    return Elsewhere(workspace)
'''


class Copy(Checkout):
    """A checkout that counts which of its files are touched by hand."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.touched: set[str] = set()

    def add(self, name: str, text: str) -> None:
        """Write a new file."""
        file = self.root / name
        assert not file.exists()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        self.touched.add(name)

    def edit(self, name: str, before: str, after: str) -> None:
        """Change one place of a file."""
        file = self.root / name
        text = file.read_text()
        assert text.count(before) == 1, before
        file.write_text(text.replace(before, after))
        self.touched.add(name)

    def listed(self) -> list[str]:
        """The names in the list of commands."""
        lines = self.inv("--list").stdout.splitlines()
        return [line.split()[0] for line in lines if line.startswith("  ")]

    def guide(self, name: str = "deployment") -> str:
        """A guide, brought up to date."""
        done = self.inv(f"document.{name}")
        assert done.returncode == 0, done.stdout + done.stderr
        return (self.root / "docs" / "runbooks" / f"llm-gateway-{name}.md").read_text()

    def checklist(self) -> list[dict[str, Any]]:
        """The acceptance checklist."""
        lines: list[dict[str, Any]] = self.json("status")["checklist"]
        return lines


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Copy]:
    made = Copy(tmp_path / "checkout")
    yield made
    assert 1 <= len(made.touched) <= 2, made.touched


def test_a_step_is_one_file(copy: Copy) -> None:
    copy.add("ops/phases/build/extra.py", STEP.format(number="2.5", key="build.extra", group="Infrastructure"))
    assert len(copy.touched) == 1
    listed = copy.listed()
    assert listed.index("build.extra") == listed.index("build.all") - 1
    assert [step["key"] for step in copy.json("plan", "--n", "2")["steps"]][-1] == "build.extra"
    lines = [line for line in copy.checklist() if line["text"] == "Added for gateway.hotrodan.com"]
    assert [(line["group"], line["met"]) for line in lines] == [("Infrastructure", False)]
    done = copy.inv("build.all")
    assert done.returncode == 0, done.stderr
    assert "2.5    An added step" in done.stdout
    assert [line["met"] for line in copy.checklist() if line["text"].startswith("Added")] == [True]
    assert "| 2.5 | `inv build.extra` | An added step | shows that a step is one file |" in copy.guide()
    assert "An added step" in copy.inv("--help", "build.extra").stdout


def test_a_phase_is_one_file_and_one_line(copy: Copy) -> None:
    copy.add("ops/phases/review/__init__.py", PHASE)
    copy.edit("ops/phases/table.py", '"document")', '"document", "review")')
    listed = copy.listed()
    assert listed.index("review.guide") > listed.index("document.all")
    assert listed[listed.index("review.guide") :][:2] == ["review.guide", "review.all"]
    assert [step["key"] for step in copy.json("plan", "--n", "6")["steps"]] == ["review.guide"]
    assert "review.guide" in [step["key"] for step in copy.json("plan", "--all")["steps"]]
    assert "review.guide" not in [step["key"] for step in copy.json("plan")["steps"]]
    for words in (["review.all"], ["phase", "--n", "6"]):
        done = copy.inv(*words)
        assert done.returncode == 0, done.stderr
        assert "6.1    Read the guide" in done.stdout
    assert "6 review" in copy.inv("phase", "--n", "7").stderr
    assert "| 6.1 | `inv review.guide` | Read the guide |" in copy.guide()


def test_a_team_is_one_table(copy: Copy) -> None:
    copy.edit(
        "ops/stack.toml",
        "[teams.admin]\n",
        '[teams.added]\nkey = "ADDED_KEY"\nagents = ["new"]\nrpm = 7\ntpm = 1000\ndaily_usd = 1\n[teams.admin]\n',
    )
    assert "ADDED_KEY" in [secret["name"] for secret in copy.json("vault.list")["secrets"]]
    assert "| `added` | `ADDED_KEY` | new | 7 |" in copy.guide("cutover") + copy.guide()
    done = copy.inv("build.config")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tomllib.loads((copy.root / "ops" / "stack.toml").read_text())["stack"]["folder"]
    assert '"added"' in (copy.root / folder / "config" / "litellm.config.yaml").read_text()
    assert "agents-js" in json.dumps(copy.json("cutover.plan", "--team", "added"))


def test_a_model_is_a_price_and_a_word(copy: Copy) -> None:
    copy.edit("ops/stack.toml", "also_chat = []  ", 'also_chat = ["gpt-next"]  ')
    copy.edit("ops/stack.toml", "[models.prices]\n", "[models.prices]\ngpt-next = { input = 1.0, output = 2.0 }\n")
    assert copy.touched == {"ops/stack.toml"}
    done = copy.inv("build.config")
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tomllib.loads((copy.root / "ops" / "stack.toml").read_text())["stack"]["folder"]
    assert "gpt-next" in (copy.root / folder / "config" / "litellm.config.yaml").read_text()
    assert "| `gpt-next` | on request | 1 / 2 |" in copy.guide("cutover") + copy.guide()


def test_a_target_is_one_folder(copy: Copy) -> None:
    copy.add("ops/targets/elsewhere/__init__.py", TARGET)
    assert copy.json("doctor", "--target", "elsewhere")["target"] == "elsewhere"
    planned = copy.json("plan", "--target", "elsewhere")
    assert planned["target"] == "elsewhere"
    assert "deploy.release" in [step["key"] for step in planned["steps"]]
    assert "elsewhere" in copy.inv("plan", "--target", "nowhere").stderr


def test_nothing_that_is_derived_from_the_table_is_written_anywhere_else() -> None:
    """The names of all phases side by side: only where they are defined."""
    found = [
        str(file.relative_to(ROOT))
        for file in sorted((ROOT / "ops").rglob("*.py"))
        if all(f'"{name}"' in file.read_text() for name in ("setup", "build", "deploy", "document"))
    ]
    assert found == ["ops/phases/table.py"]
