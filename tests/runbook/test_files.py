"""Files that matter are written whole, and what is private is private from the start."""

from __future__ import annotations

import os
from pathlib import Path

from ops.runbook.files import make_private


def test_a_private_folder_has_no_open_parents_of_its_own_making(tmp_path: Path) -> None:
    """R30: a look that comes first must not leave a folder of which the next one complains."""
    tmp_path.chmod(0o755)
    before = os.umask(0o022)
    try:
        make_private(tmp_path / "state" / "fly" / "flyctl")
        make_private(tmp_path / "state" / "fly" / "flyctl")
    finally:
        os.umask(before)
    made = (tmp_path / "state", tmp_path / "state" / "fly", tmp_path / "state" / "fly" / "flyctl")
    assert [oct(folder.stat().st_mode & 0o777) for folder in made] == ["0o700"] * 3
    assert oct(tmp_path.stat().st_mode & 0o777) == "0o755"
