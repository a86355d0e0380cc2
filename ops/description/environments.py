"""The virtual environments of a checkout: each is what its lock says, made by `ops/bootstrap.sh`, and complete or not.

docs/decisions/0008-environments.md has why there are several.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ops.description.paths import ROOT


@dataclass(frozen=True)
class Environment:
    """A virtual environment and the lock it is made from.

    Attributes:
        folder: where it lies.
        lock: exact versions with hashes.
        root: the checkout.
    """

    folder: Path
    lock: Path
    root: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """Written last, when all of the lock is installed."""
        return self.folder / ".installed"

    @property
    def is_complete(self) -> bool:
        """Whether all of some lock is installed; while it is made anew it is not."""
        return self.stamp.is_file() and self.python.exists()

    @property
    def is_current(self) -> bool:
        """Whether it is complete and no older than its lock."""
        return self.is_complete and self.stamp.stat().st_mtime > self.lock.stat().st_mtime

    def making(self, base: str) -> list[str | Path]:
        """The command that brings it about, saying on standard error what it does.

        Args:
            base: the Python it is made with.
        """
        script = 'PYTHON=$1; shift; . "$1/ops/bootstrap.sh"; bootstrap "$@"'
        return ["sh", "-euc", script, "sh", base, self.root, self.folder, self.lock, self.stamp]


def rehearsal(root: Path = ROOT) -> Environment:
    """The rehearsal's servers, the programs that validate rendered files, and what the stand-ins import."""
    return Environment(root / ".venv-rehearsal", root / "ops" / "targets" / "local" / "requirements.lock", root)


def development(root: Path = ROOT) -> Environment:
    """Everything: the runbook's packages, the rehearsal's, and the developers' tools."""
    return Environment(root / ".venv-dev", root / "ops" / "development" / "requirements.lock", root)
