"""The command line: errors in three lines, one target a line, a list like a table of contents."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from ops.commands.namespace import namespace
from ops.description import settings
from ops.phases import late
from ops.phases.table import phases
from ops.runbook.errors import RunbookError
from tests.integration.checkout import Checkout

ROOT = Path(__file__).resolve().parents[2]
STEPS = [step for phase in phases() for step in phase.steps]


def inv(*words: str, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-S", str(ROOT / "tasks.py"), *words],
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["phase", "--n", "7"], "CLI-001"),
        (["phase", "-n", "0"], "CLI-001"),
        (["phase"], "CLI-001"),
        (["plan", "--target", "moon"], "CLI-002"),
        (["deploy.all", "--target", "fly", "test.all", "--target", "local"], "CLI-003"),
        (["explain", "NOPE-1"], "CLI-005"),
        (["cache.purge"], "CLI-006"),
        (["cache.wrong"], "CLI-010"),
        (["cache.wrong", "--entry", "nonsense"], "CLI-010: 'nonsense' names no answer"),
        (["cache.purge", "--team", "admin", "--entry", "semantic:"], "CLI-010"),
        (["cache.purge", "--team", "nobody"], "CLI-004"),
        (["dev.bench", "nothing"], "CLI-007"),
        (["plan", "--n", "12"], "CLI-001"),
        (["vault.get", "NO_SUCH_SECRET"], "VAULT-"),
        (["vault.git"], "CLI-008: there is no command 'vault.git'\n  why:  did you mean vault.get"),
        (["--help", "deploy.everything"], "CLI-008: there is no command 'deploy.everything'"),
        (["plan", "--everything"], "CLI-008: there is no option '--everything' of plan"),
        (["--everything"], "CLI-008: there is no option '--everything'"),
        (["vault.get"], "CLI-008: vault.get needs 'name'"),
        (["phase", "--n"], "CLI-008: --n needs a value"),
        (["local.logs", "--lines", "many"], "CLI-008: 'many' is not a number"),
    ],
)
def test_bad_input_is_an_error_with_code_remedy_and_exit_code_1(words: list[str], code: str) -> None:
    done = inv(*words)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error {code}")
    assert "  next: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_stack_file_is_refused_by_every_command_alike(tmp_path: Path) -> None:
    file = tmp_path / "stack.toml"
    file.write_text("version = \n")
    for words in (["plan"], ["status"], ["deploy.all"], ["--dry", "deploy.all"], ["setup.secrets"]):
        done = inv(*words, RUNBOOK_STACK=str(file))
        assert (done.returncode, done.stderr.splitlines()[0].startswith(f"error STACK-001: {file}")) == (1, True), words


def test_a_broken_vault_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout")
    checkout.state.mkdir(parents=True, mode=0o700)
    vault = checkout.state / "vault.json"
    vault.write_text("{")
    vault.chmod(0o600)
    for words in (["plan"], ["deploy.all"], ["--dry", "deploy.all"], ["setup.secrets"], ["vault.list"]):
        done = checkout.inv(*words)
        assert (done.returncode, done.stderr.splitlines()[0].startswith(f"error VAULT-003: {vault}")) == (1, True), (
            words
        )
    assert list(checkout.state.iterdir()) == [vault]


def settings_error(root: Path) -> RunbookError:
    with pytest.raises(RunbookError) as caught:
        settings.load(root, {})
    assert caught.value.code == "ENV-001"
    assert str(root / ".env") in caught.value.what
    return caught.value


def test_settings_that_cannot_be_read_are_refused_by_line_and_never_quoted(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("RUNBOOK_TARGET=fly\nOPENAI API KEY sk-very-secret\n")
    error = settings_error(tmp_path)
    assert "line 2" in error.what
    assert "sk-very-secret" not in f"{error} {error.why} {error.next}"
    file.write_bytes(b"A=\xff\n")
    assert "UTF-8" in settings_error(tmp_path).what
    file.unlink()
    file.mkdir()
    assert "directory" in settings_error(tmp_path).what


def test_settings_may_be_absent_or_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    assert settings.load(tmp_path, {"A": "1"}) == {"A": "1"}
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfA=2\nB='x y'\n")
    assert settings.load(tmp_path, {"A": "1"}) == {"A": "1", "B": "x y"}


def test_what_the_system_refuses_is_no_fault_of_the_runbook(tmp_path: Path) -> None:
    """A file where the state folder is to be made, so also nowhere to keep a crash log."""
    checkout = Checkout(tmp_path / "checkout")
    (checkout.root / ".state").write_text("")
    done = checkout.inv("setup.all")
    assert done.returncode == 1
    assert done.stderr.startswith(f"error RUN-006: {checkout.root}/.state")
    assert "Traceback" not in done.stderr


def test_a_terminal_of_few_letters_is_no_reason_to_fail(tmp_path: Path) -> None:
    done = Checkout(tmp_path / "checkout").inv("build.dockerfile", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("?  ")


def test_nothing_asked_is_answered_with_the_table_of_contents() -> None:
    assert inv().stdout == inv("--list").stdout


@pytest.mark.parametrize(
    ("usual", "chosen", "advised"),
    [("", "fly", "--target fly"), ("fly", "fly", ""), ("fly", "local", "--target local"), ("", "local", "")],
)
def test_the_next_command_reaches_the_target_of_the_one_that_failed(
    tmp_path: Path, usual: str, chosen: str, advised: str
) -> None:
    checkout = Checkout(tmp_path / "checkout")
    done = checkout.inv("vault.get", "LITELLM_MASTER_KEY", "--target", chosen, RUNBOOK_TARGET=usual)
    assert done.stderr.splitlines()[-2:] == [
        f"  next: inv setup.secrets {advised}".rstrip(),
        f"  more: inv explain VAULT-001 {advised}".rstrip(),
    ]


def test_an_error_is_a_json_document_where_json_was_asked_for() -> None:
    done = inv("plan", "--json", "--target", "moon")
    document = json.loads(done.stdout)
    assert (document["version"], document["kind"], document["code"]) == (1, "error", "CLI-002")
    assert done.returncode == 1


def test_both_spellings_of_the_phase_number_are_understood_by_inv_and_by_stock_invoke() -> None:
    stock = Path(sys.executable).parent / "inv"
    assert [point for point in entry_points(group="console_scripts") if point.name == "inv"]
    for spelling in (["--n", "9"], ["-n", "9"], ["--n=9"]):
        assert "no phase '9'" in inv("phase", *spelling).stderr
        done = subprocess.run([stock, "phase", *spelling], cwd=ROOT, capture_output=True, text=True, check=False)
        assert "no phase '9'" in done.stderr


def test_two_tasks_of_one_name_are_both_run() -> None:
    """Invoke's own deduplication takes build.all and document.all for the same task."""
    from ops.commands.program import Executor

    executor = Executor(namespace())
    calls = executor.normalize(("deploy.all", "test.all", "document.all"))
    assert [call.called_as for call in executor.dedupe(calls)] == ["deploy.all", "test.all", "document.all"]


def test_the_list_follows_the_numbering_of_the_runbook() -> None:
    lines = inv("--list").stdout.splitlines()
    numbers = [line.split()[1] for line in lines if line.startswith("  ") and line.split()[1][:1].isdigit()]
    assert numbers == [step.number for step in STEPS]
    assert numbers[0] == "1.1"
    assert numbers[-1] == "5.4"
    assert max(len(line) for line in lines) <= 130


def test_every_step_has_a_task_of_its_key_and_help() -> None:
    root = namespace()
    for step in STEPS:
        assert (root[step.key].__doc__ or "").startswith(step.number)


def test_every_late_look_and_act_leads_somewhere() -> None:
    for step in STEPS:
        for function in (step.look, step.act):
            place = function.__doc__ or ""
            if place.startswith("ops.") and ":" in place:
                assert callable(late.resolve(place))


def test_it_works_from_any_directory(tmp_path: Path) -> None:
    assert inv("explain", "CLI-001", cwd=tmp_path).returncode == 0


def test_output_may_be_cut_off_by_its_reader() -> None:
    done = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -S tasks.py --list | head -n 1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    ("words", "meant"),
    [(["plan", "--targt", "fly"], "--target"), (["plan", "--tagret=fly"], "--target"), (["status", "--jsn"], "--json")],
)
def test_a_near_miss_of_an_option_gets_a_suggestion(words: list[str], meant: str) -> None:
    done = inv(*words)
    assert done.returncode == 1
    assert f"did you mean {meant}" in done.stderr


@pytest.mark.parametrize("words", [["--list"], ["explain", "CLI-001"], ["plan", "--target", "moon", "--json"]])
def test_output_that_cannot_be_written_is_an_error_of_one_sentence(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-S", ROOT / "tasks.py", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "RUN-006" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_several_commands_with_json_are_one_document(tmp_path: Path) -> None:
    """R27: also where --json was given to one of them, one prints text, and one ends the line with an error."""
    checkout = Checkout(tmp_path / "checkout")
    for words in (["build.all", "explain", "CLI-001", "status", "--json"], ["plan", "--json", "vault.get", "NO_SUCH"]):
        done = checkout.inv(*words)
        document = json.loads(done.stdout)
        kinds = [part["kind"] for part in document["documents"]]
        assert (document["version"], document["kind"], kinds) == (
            1,
            "commands",
            ["run", "text", "status"] if words[0] == "build.all" else ["plan"],
        ), done.stderr
    document = json.loads(checkout.inv("build.all", "status", "--json", "phase", "--n", "9").stdout)
    assert [part["kind"] for part in document["documents"]] == ["run", "status"]
    document = json.loads(checkout.inv("build.all", "phase", "--n", "9", "--json").stdout)
    assert [part.get("code") for part in document["documents"]] == [None, "CLI-001"]
