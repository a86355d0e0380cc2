"""Remembers that files have been validated, so that looking again costs next to nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ops.runbook.files import write_atomic

if TYPE_CHECKING:
    from ops.world import World


@cache
def _rules() -> str:
    """Digest of the rules themselves: other rules, other verdict."""
    return digest(file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parent.glob("*.py")))


def digest(texts: Iterable[str]) -> str:
    """One digest for several texts; where one ends and the next begins counts."""
    sum_ = hashlib.sha256()
    for text in texts:
        data = text.encode()
        sum_.update(len(data).to_bytes(8, "big") + data)
    return sum_.hexdigest()


def read(world: World, key: str, subject: str) -> list[str] | None:
    """The warnings of the validation of `subject` (a digest), or None if it has not been validated by these rules."""
    try:
        data = json.loads(_file(world, key).read_text(encoding="utf-8"))
        if data["subject"] == subject and data["rules"] == _rules():
            return [str(warning) for warning in data["warnings"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # never validated, or the note is damaged: both mean validate again
    return None


def write(world: World, key: str, subject: str, warnings: list[str]) -> None:
    """Note that `subject` is valid, with these warnings."""
    world.paths.state.mkdir(parents=True, exist_ok=True, mode=0o700)
    note = {"subject": subject, "rules": _rules(), "warnings": warnings}
    write_atomic(_file(world, key), json.dumps(note, indent=2) + "\n", 0o600)


def _file(world: World, key: str) -> Path:
    return world.paths.state / "validated" / f"{key}.json"
