"""Folders are private, and sockets have short paths."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ops.runbook.errors import RunbookError
from ops.targets.local.layout import is_private, make_private, run_folder, write_private

LONGEST_SOCKET_PATH = 103


def test_the_socket_folder_is_short_however_long_the_checkout_path_is() -> None:
    folder = run_folder(Path("/" + "/".join(["a-long-folder-name"] * 20)), {})
    assert len(str(folder / "supervisor.sock.12345.1")) < LONGEST_SOCKET_PATH


def test_two_checkouts_have_two_socket_folders_and_one_has_always_the_same(tmp_path: Path) -> None:
    assert run_folder(tmp_path / "a", {}) == run_folder(tmp_path / "a", {})
    assert run_folder(tmp_path / "a", {}) != run_folder(tmp_path / "b", {})


def test_the_users_own_runtime_folder_is_used_if_it_is_private(tmp_path: Path) -> None:
    runtime = tmp_path
    if len(str(runtime)) > 60:
        runtime = Path("/tmp") / tmp_path.name[:20]
        runtime.mkdir(exist_ok=True)
    runtime.chmod(0o700)
    assert run_folder(tmp_path, {"XDG_RUNTIME_DIR": str(runtime)}).parent == runtime
    runtime.chmod(0o755)
    assert run_folder(tmp_path, {"XDG_RUNTIME_DIR": str(runtime)}).parent == Path("/tmp")
    if runtime != tmp_path:
        runtime.rmdir()


def test_a_link_is_not_taken_for_a_private_folder(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "ours").symlink_to(tmp_path / "theirs")
    assert not is_private(tmp_path / "ours")
    with pytest.raises(RunbookError) as caught:
        make_private(tmp_path / "ours")
    assert caught.value.code == "LOCAL-001"


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    make_private(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert is_private(folder)


def test_a_private_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "new" / "file"
    write_private(file, "text")
    assert file.read_text() == "text"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["file"]
