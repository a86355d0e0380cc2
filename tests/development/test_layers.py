"""The layers of the runbook and of the gateway: an import that points upwards, or in a circle, fails here."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ops.description.paths import ROOT
from ops.development.architecture import NAMED, gateway_folder

LINT = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()", "--no-cache"]

GATEWAY = gateway_folder().relative_to(ROOT)


def lint(root: Path) -> tuple[int, str]:
    """The contracts of pyproject.toml, kept or broken by the packages of a checkout."""
    path = os.pathsep.join((str(root), str(root / GATEWAY)))
    done = subprocess.run(
        LINT,
        cwd=root,
        env={
            **os.environ,
            "PYTHONPATH": path,
            "NO_COLOR": "1",
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout's code, to be changed."""
    for folder in ("ops", GATEWAY / "llm_gateway"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
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
        (
            f"{GATEWAY}/llm_gateway/cache/exact.py",
            "from ..api.request import Request",
            "llm_gateway.cache is not allowed",
        ),
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


def test_what_steps_name_instead_of_importing_lies_below_them_too() -> None:
    """Looks and acts are named as text, so that listing the commands loads none of them."""
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    height = {name: place for place, row in enumerate(reversed(layers)) for name in row.split(" | ")}
    named = {
        (file, place)
        for file in (ROOT / "ops").rglob("*.py")
        for place in NAMED.findall(file.read_text(encoding="utf-8"))
    }
    assert named
    for file, place in named:
        assert height[place] < height[file.relative_to(ROOT).parts[1]], (file, place)
