"""Stacks and deployments for the rendering tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ops.description.paths import ROOT
from ops.description.read import read
from ops.description.stack import Stack
from ops.session.compose import compose
from ops.targets.deployment import Deployment

STACK_FILE = ROOT / "ops" / "stack.toml"
SECOND_STACK_FILE = ROOT / "tests" / "fixtures" / "second-stack" / "stack.toml"


def stack(file: Path = STACK_FILE, **overrides: str) -> Stack:
    """A stack read from `file`, with overrides such as ``PORTS__EDGE="1"``; the machine's environment is left out."""
    return read(file, {f"STACK__{name}": value for name, value in overrides.items()})


def deployment(root: Path, file: Path = STACK_FILE, **overrides: str) -> Deployment:
    """A deployment whose checkout is `root`, an empty folder, with the lock that the image installs from."""
    environ = {f"STACK__{name}": value for name, value in overrides.items()}
    result = compose("local", {**environ, "RUNBOOK_STACK": str(file), "PATH": os.environ["PATH"]}, root=root)
    result.gateway_dir.mkdir(parents=True)
    shutil.copy(ROOT / stack().stack.folder / "requirements.lock", result.gateway_dir)
    return result


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every file below `folder`: mode and content."""
    return {
        str(file.relative_to(folder)): (file.stat().st_mode, file.read_bytes())
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
