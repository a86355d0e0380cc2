"""Remembers that files have been validated, so that looking again costs next to nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ops.runbook.files import write_atomic


@cache
def rules(*folders: Path) -> str:
    """Digest of the rules themselves, which are the modules of these folders: other rules, other verdict."""
    return digest(file.read_text(encoding="utf-8") for folder in folders for file in sorted(folder.glob("*.py")))


def digest(texts: Iterable[str]) -> str:
    """One digest for several texts; where one ends and the next begins counts."""
    sum_ = hashlib.sha256()
    for text in texts:
        data = text.encode()
        sum_.update(len(data).to_bytes(8, "big") + data)
    return sum_.hexdigest()


@dataclass(frozen=True)
class Verdict:
    """What a validation said: its warnings, and the digest of what the files had been rendered from."""

    warnings: list[str]
    source: str


def read(file: Path, rules: str, subject: str) -> Verdict | None:
    """The verdict on `subject`, or None if it has not been validated by these rules.

    Args:
        file: the note.
        rules: digest of the rules.
        subject: digest of what is validated.
    """
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["subject"] == subject and data["rules"] == rules:
            return Verdict([str(warning) for warning in data["warnings"]], str(data["source"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # never validated, or the note is damaged: both mean validate again
    return None


def write(file: Path, rules: str, subject: str, verdict: Verdict) -> None:
    """Note that `subject` is valid by these rules."""
    note = {"subject": subject, "rules": rules, "warnings": verdict.warnings, "source": verdict.source}
    write_atomic(file, json.dumps(note, indent=2) + "\n", 0o600)
