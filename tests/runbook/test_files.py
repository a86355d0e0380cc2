"""Files that matter are whole or not there."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ops.runbook.files import write_atomic


def test_it_writes_with_the_given_mode(tmp_path: Path) -> None:
    file = tmp_path / "new" / "secret.json"
    write_atomic(file, "x", 0o600)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_failure_in_the_middle_leaves_the_old_content_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    write_atomic(file, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(file, "new")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]
