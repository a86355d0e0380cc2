"""The vault file: private, whole, one writer at a time, one target only."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.description.paths import ROOT
from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.vault import Vault, file, store


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "secret" / "place" / "vault.json", target="local")


def code_of(refused: pytest.ExceptionInfo[RunbookError]) -> str:
    return refused.value.code


def test_what_is_put_comes_back_with_its_origin(vault: Vault) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    vault.put({"B_URL": Secret("value-of-b")}, origin="provisioned")
    assert vault.names() == ("A_KEY", "B_URL")
    assert vault.get("A_KEY").reveal() == "value-of-a"
    assert [(entry.name, entry.origin) for entry in vault.entries()] == [
        ("A_KEY", "generated"),
        ("B_URL", "provisioned"),
    ]
    assert Vault(vault.path, target="local").get("B_URL").reveal() == "value-of-b"


def test_what_was_replaced_is_what_the_version_before_had_and_this_one_has_otherwise(vault: Vault) -> None:
    assert vault.replaced() == {}
    vault.put({"A_KEY": Secret("value-of-a"), "B_KEY": Secret("value-of-b")}, origin="generated")
    assert vault.replaced() == {}
    vault.put({"A_KEY": Secret("another-value-of-a"), "C_KEY": Secret("value-of-c")}, origin="generated")
    assert vault.replaced() == {"A_KEY": Secret("value-of-a")}


def test_a_vault_that_is_not_there_holds_nothing_and_is_not_made_by_looking(vault: Vault) -> None:
    assert vault.names() == () and not vault.has("A_KEY") and vault.entries() == ()  # noqa: PT018
    with pytest.raises(RunbookError) as refused:
        vault.get("A_KEY")
    assert code_of(refused) == "VAULT-001"
    assert not vault.exists
    assert not vault.path.parent.exists()


def test_file_and_folders_are_their_owners_alone(vault: Vault) -> None:
    old = os.umask(0)
    try:
        vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
        vault.put({"A_KEY": Secret("another-one")}, origin="generated")
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in vault.path.parent.iterdir()}
    assert modes == {"vault.json": 0o600, "vault.json.previous": 0o600, "vault.json.lock": 0o600}
    assert stat.S_IMODE(vault.path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(vault.path.parent.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660])
def test_a_file_open_to_others_is_refused_with_the_command_that_closes_it(vault: Vault, mode: int) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    vault.path.chmod(mode)
    for attempt in (vault.names, lambda: vault.put({"B_KEY": Secret("b")}, origin="generated")):
        with pytest.raises(RunbookError) as refused:
            attempt()
        assert code_of(refused) == "VAULT-002"
        assert refused.value.next == f"chmod 600 {vault.path}"
    vault.path.chmod(0o600)
    assert vault.names() == ("A_KEY",)


def test_a_folder_open_to_others_is_refused_with_the_command_that_closes_it(vault: Vault) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    vault.path.parent.chmod(0o755)
    with pytest.raises(RunbookError) as refused:
        vault.get("A_KEY")
    assert code_of(refused) == "VAULT-002"
    assert refused.value.next == f"chmod 700 {vault.path.parent}"


def test_symbolic_links_are_not_followed(vault: Vault, tmp_path: Path) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    real = vault.path.rename(tmp_path / "elsewhere.json")
    vault.path.symlink_to(real)
    with pytest.raises(RunbookError) as refused:
        vault.names()
    assert code_of(refused) == "VAULT-002"
    assert "symbolic link" in refused.value.what
    linked = tmp_path / "linked"
    linked.symlink_to(vault.path.parent)
    vault.path.unlink()
    real.rename(vault.path)
    with pytest.raises(RunbookError) as folder:
        Vault(linked / "vault.json", target="local").names()
    assert code_of(folder) == "VAULT-002"


def test_a_lock_or_temporary_file_planted_as_a_link_harms_nobody(vault: Vault, tmp_path: Path) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lock = vault.path.with_name("vault.json.lock")
    lock.unlink()
    lock.symlink_to(victim)
    (vault.path.parent / ".vault.json.previous").symlink_to(victim)
    with pytest.raises(RunbookError) as refused:
        vault.put({"B_KEY": Secret("value-of-b")}, origin="generated")
    assert code_of(refused) == "VAULT-008"
    lock.unlink()
    vault.put({"B_KEY": Secret("value-of-b")}, origin="generated")
    assert victim.read_text() == "precious"
    assert not vault.path.is_symlink()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_folder_in_the_vaults_place_is_refused_and_does_not_hang(
    vault: Vault, make: Callable[[Path, int], None]
) -> None:
    vault.path.parent.mkdir(parents=True, mode=0o700)
    make(vault.path, 0o600)
    with pytest.raises(RunbookError) as refused:
        vault.names()
    assert code_of(refused) == "VAULT-002"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_users_file_is_refused(vault: Vault) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    os.chown(vault.path, 65534, 65534)
    with pytest.raises(RunbookError) as refused:
        vault.names()
    assert code_of(refused) == "VAULT-002"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"version": 1}',
        '{"version": 1, "target": "local", "digest_key": "x", "secrets": {"A": "secret-in-file"}}',
        '{"version": 1, "target": "local", "digest_key": "x", "secrets": {"A": {"value": "v",'
        ' "origin": "secret-in-file", "created": "2026-01-01T00:00:00Z", "changed": "2026-01-01T00:00:00Z"}}}',
        '{"version": 1, "target": "local", "digest_key": "x", "surplus": "secret-in-file"}',
        '{"version": 1, "target": "local", "digest_key": "secret-in-file',
        "\xff\xfe",
    ],
)
def test_a_broken_file_is_named_with_the_way_back_and_without_its_content(vault: Vault, text: str) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    vault.put({"A_KEY": Secret("value-of-b")}, origin="generated")
    vault.path.write_bytes(text.encode("latin-1"))
    vault.path.chmod(0o600)
    with pytest.raises(RunbookError) as refused:
        vault.names()
    error = refused.value
    assert error.code == "VAULT-003"
    assert str(vault.path) in error.what
    assert error.next == f"cp -p {vault.previous} {vault.path}"
    assert "secret-in-file" not in "".join(traceback.format_exception(error))
    with pytest.raises(RunbookError):
        vault.put({"B_KEY": Secret("value-of-b")}, origin="generated")
    assert vault.path.read_bytes() == text.encode("latin-1"), "a broken vault is not overwritten"
    os.replace(vault.previous, vault.path)
    assert vault.get("A_KEY").reveal() == "value-of-a"


def test_a_broken_version_before_is_named_and_the_vault_itself_goes_on(vault: Vault) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    vault.put({"A_KEY": Secret("value-of-b")}, origin="generated")
    vault.previous.write_text('{"version": 1, "secrets": "secret-in-file"')
    with pytest.raises(RunbookError) as refused:
        vault.replaced()
    error = refused.value
    assert error.code == "VAULT-003"
    assert str(vault.previous) in error.what
    assert error.next == f"rm {vault.previous}"
    assert "secret-in-file" not in "".join(traceback.format_exception(error))
    assert vault.get("A_KEY").reveal() == "value-of-b"
    vault.previous.unlink()
    assert vault.replaced() == {}


def test_another_version_is_refused(vault: Vault) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    vault.path.write_text(json.dumps(json.loads(vault.path.read_text()) | {"version": 2, "more": 1}))
    with pytest.raises(RunbookError) as refused:
        vault.names()
    assert code_of(refused) == "VAULT-004"


@pytest.mark.parametrize(("writer", "reader"), [("fly", "local"), ("local", "fly")])
def test_a_vault_serves_one_target_only(tmp_path: Path, writer: str, reader: str) -> None:
    path = tmp_path / "v" / "vault.json"
    Vault(path, target=writer).put({"A_KEY": Secret("value-of-a")}, origin="generated")
    before = path.read_bytes()
    other = Vault(path, target=reader)
    for attempt in (other.names, lambda: other.get("A_KEY"), lambda: other.put({"A_KEY": Secret("x")}, origin="given")):
        with pytest.raises(RunbookError) as refused:
            attempt()
        assert code_of(refused) == "VAULT-005"
    assert path.read_bytes() == before


def test_the_same_value_again_is_not_written(vault: Vault) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    before = (vault.path.stat().st_ino, vault.entries())
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    assert (vault.path.stat().st_ino, vault.entries()) == before
    assert not vault.previous.exists()


def test_the_version_before_the_last_change_is_kept_through_notes_of_sending(vault: Vault) -> None:
    vault.put({"A_KEY": Secret("value-one")}, origin="generated")
    vault.put({"A_KEY": Secret("value-two")}, origin="generated")
    vault.mark_sent("gateway", {"A_KEY": Secret("value-two")})
    kept = json.loads(vault.previous.read_text())["secrets"]["A_KEY"]["value"]
    assert kept == "value-one"


@pytest.mark.parametrize("value", ["", "two\nlines", "nul\0", "tab\t"])
def test_values_that_no_environment_takes_are_refused(vault: Vault, value: str) -> None:
    with pytest.raises(RunbookError) as refused:
        vault.put({"A_KEY": Secret(value)}, origin="given")
    assert code_of(refused) == "VAULT-012"
    assert not vault.exists


def test_what_was_sent_is_known_by_digest_alone(vault: Vault) -> None:
    one, two = Secret("value-one"), Secret("value-two")
    vault.put({"A_KEY": one, "B_KEY": two}, origin="generated")
    assert vault.pending("app", {"A": one, "B": two}).new == ("A", "B")
    vault.mark_sent("app", {"A": one, "B": two})
    assert not vault.pending("app", {"A": one, "B": two})
    late = vault.pending("app", {"A": Secret("value-three"), "C": two})
    assert (late.new, late.changed, late.gone) == (("C",), ("A",), ("B",))
    assert str(late) == "new: C; changed: A; gone: B"
    sent = json.loads(vault.path.read_text())["sent"]
    assert "value-" not in json.dumps(sent)
    vault.mark_sent("other", {"A": one})
    digests = json.loads(vault.path.read_text())["sent"]
    assert digests["app"]["A"]["digest"] != digests["other"]["A"]["digest"], "one digest tells nothing of another"
    vault.forget_sent("app")
    assert vault.pending("app", {"A": one}).new == ("A",)


def test_a_secret_taken_out_is_gone(vault: Vault) -> None:
    vault.put({"A_KEY": Secret("value-of-a"), "B_KEY": Secret("value-of-b")}, origin="generated")
    vault.remove(["A_KEY", "NOT_THERE"])
    assert vault.names() == ("B_KEY",)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_vault_as_it_was(vault: Vault, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    before = vault.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunbookError) as refused:
            vault.put({"A_KEY": Secret("value-of-b")}, origin="generated")
    assert code_of(refused) == "VAULT-007"
    assert vault.path.read_bytes() == before
    names = {path.name for path in vault.path.parent.iterdir()}
    assert names <= {"vault.json", "vault.json.lock", "vault.json.previous"}
    vault.put({"A_KEY": Secret("value-of-b")}, origin="generated")
    assert vault.get("A_KEY").reveal() == "value-of-b"


def test_a_write_cut_short_by_the_system_leaves_the_vault_as_it_was(vault: Vault) -> None:
    """The kernel itself refuses the bytes, in a process of its own that may not write more than a little."""
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    before = vault.path.read_bytes()
    program = textwrap.dedent("""
        import resource, signal, sys
        from pathlib import Path
        from ops.runbook.errors import RunbookError
        from ops.runbook.secret import Secret
        from ops.vault import Vault
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (256, 256))
        try:
            Vault(Path(sys.argv[1]), target="local").put({"B_KEY": Secret("b" * 2000)}, origin="generated")
        except RunbookError as error:
            sys.exit(error.code)
    """)
    ended = subprocess.run(
        [sys.executable, "-c", program, str(vault.path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stderr.strip() == "VAULT-007"
    assert vault.path.read_bytes() == before
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_writer_killed_half_way_leaves_no_secret_behind(vault: Vault) -> None:
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    before = vault.path.read_bytes()
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from ops.runbook.secret import Secret
        from ops.vault import Vault
        os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
        Vault(Path(sys.argv[1]), target="local").put({"B_KEY": Secret("value-of-b")}, origin="generated")
    """)
    ended = subprocess.run([sys.executable, "-c", program, str(vault.path)], cwd=ROOT, timeout=60, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert vault.path.read_bytes() == before
    leftovers = list(vault.path.parent.glob(".vault.json.*"))
    assert leftovers, "it was killed while the temporary file was there"
    vault.put({"C_KEY": Secret("value-of-c")}, origin="generated")
    assert not list(vault.path.parent.glob(".vault.json.*"))
    assert vault.names() == ("A_KEY", "C_KEY")


def test_writers_in_threads_and_processes_lose_nothing(vault: Vault) -> None:
    program = textwrap.dedent("""
        import sys
        from pathlib import Path
        from ops.runbook.secret import Secret
        from ops.vault import Vault
        vault = Vault(Path(sys.argv[1]), target="local")
        for number in range(10):
            vault.put({f"P{sys.argv[2]}_{number}": Secret(f"value-{number}")}, origin="generated")
    """)
    children = [subprocess.Popen([sys.executable, "-c", program, str(vault.path), str(n)], cwd=ROOT) for n in range(2)]

    def write(thread: int) -> None:
        for number in range(10):
            vault.put({f"T{thread}_{number}": Secret(f"value-{number}")}, origin="generated")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [child.wait(60) for child in children] == [0, 0]
    assert len(vault.names()) == 50


def test_a_lock_that_is_not_let_go_is_named(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "LOCK_TIMEOUT", 0.1)
    vault.put({"A_KEY": Secret("value-of-a")}, origin="generated")
    with vault.file.writing(), pytest.raises(RunbookError) as refused:
        vault.put({"B_KEY": Secret("value-of-b")}, origin="generated")
    assert code_of(refused) == "VAULT-009"


def test_a_change_by_another_process_is_seen(vault: Vault) -> None:
    vault.put({"A_KEY": Secret("value-one")}, origin="generated")
    assert vault.get("A_KEY").reveal() == "value-one"
    Vault(vault.path, target="local").put({"A_KEY": Secret("value-two")}, origin="generated")
    assert vault.get("A_KEY").reveal() == "value-two"


def test_created_stays_and_changed_moves(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime

    days: list[Any] = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
    monkeypatch.setattr(store, "_now", lambda: days[0])
    vault.put({"A_KEY": Secret("value-one")}, origin="generated")
    monkeypatch.setattr(store, "_now", lambda: days[1])
    vault.put({"A_KEY": Secret("value-two")}, origin="generated")
    (entry,) = vault.entries()
    assert (entry.created, entry.changed) == tuple(days)
