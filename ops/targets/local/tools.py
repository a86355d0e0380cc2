"""Programs that came with the runbook's environment."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ops.runbook.errors import RunbookError


def find(name: str) -> str | None:
    """Path of program `name`: beside the running Python, else on PATH."""
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
