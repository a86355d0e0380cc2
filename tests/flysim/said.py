"""The last lines of the Fly and conformance suites: real flyctl or double, and what the real one did not run."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from ops.services.fly.cli import Flyctl
from ops.services.fly.commands import USED, named
from tests.flysim import binaries

RAN_FOR_REAL: set[tuple[str, ...]] = set()


@contextmanager
def recorded() -> Iterator[None]:
    """While inside, note every command that goes to the real binary."""
    words, real = Flyctl.words, binaries.real()

    def noted(self: Flyctl, *arguments: str) -> list[str]:
        if real is not None and Path(self.binary) == real:
            RAN_FOR_REAL.add(named(arguments))
        return words(self, *arguments)

    with patch.object(Flyctl, "words", noted):
        yield


def which() -> str:
    """One line: what these suites ran."""
    found = binaries.real()
    if found is None:
        return "flyctl: the double only, held to what the real one was recorded doing"
    version = subprocess.run([found, "version"], capture_output=True, text=True, check=False, timeout=30).stdout
    return f"flyctl: the real one ({' '.join(version.split()[:2])}); the double beside it in tests/conformance"


def not_for_real() -> str:
    """One line: commands of the product that the real binary did not run in this session."""
    left = sorted(" ".join(command) for command in USED - RAN_FOR_REAL)
    if not left:
        return f"each of the product's {len(USED)} flyctl commands was run with the real binary"
    of = f"{len(left)} of the product's {len(USED)} flyctl commands"
    return f"{of} were not run with the real binary: {', '.join(left)}"
