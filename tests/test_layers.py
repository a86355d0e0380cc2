"""The layers of the runbook: an import that points upwards, or in a circle, fails here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops.description.paths import ROOT

LINT = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"]


def lint(root: Path) -> tuple[int, str]:
    """The contracts of pyproject.toml, kept or broken by the packages of a checkout."""
    done = subprocess.run(
        LINT,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "NO_COLOR": "1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout's code, to be changed."""
    shutil.copytree(ROOT / "ops", tmp_path / "ops", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_import_points_down_and_none_in_a_circle() -> None:
    code, said = lint(ROOT)
    assert code == 0, said


@pytest.mark.parametrize(
    ("file", "line", "broken"),
    [
        ("ops/runbook/step.py", "from ops.description.paths import ROOT", "ops.runbook is not allowed"),
        ("ops/vault/store.py", "from ops.services.web import Site", "ops.vault is not allowed"),
        ("ops/render/files.py", "from ops.targets.base import Part", "ops.render is not allowed"),
        ("ops/validate/tools.py", "from ops.render.files import SCRIPTS", "ops.validate is not allowed"),
        ("ops/targets/fly/app.py", "from ops.phases.table import phases", "ops.targets is not allowed"),
        ("ops/checks/smoke.py", "from ops.standins.serve import serve", "ops.checks is not allowed"),
        ("ops/targets/fly/account.py", "from ops.targets.fly.target import Fly", "No cycles are allowed"),
    ],
)
@pytest.mark.parametrize("only_types", [False, True])
def test_a_new_arrow_upwards_fails(copy: Path, file: str, line: str, broken: str, only_types: bool) -> None:
    place = copy / file
    text = f"from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    {line}\n" if only_types else f"{line}\n"
    place.write_text(place.read_text() + text)
    code, said = lint(copy)
    assert code == 1, said
    assert broken in " ".join(said.split()), said


def test_a_new_package_of_ops_must_be_given_a_layer(copy: Path) -> None:
    (copy / "ops" / "attic").mkdir()
    (copy / "ops" / "attic" / "__init__.py").write_text("")
    code, said = lint(copy)
    assert code == 1
    assert "ops.attic" in said
