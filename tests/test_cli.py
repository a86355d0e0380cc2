"""The command line: errors in three lines, one target a line, a list like a table of contents."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from ops.commands import namespace
from ops.phases import build, deploy, document, late, setup, test

ROOT = Path(__file__).resolve().parents[1]
STEPS = [step for phase in (setup, build, deploy, test, document) for step in phase.STEPS]


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
        (["dev.bench", "nothing"], "CLI-007"),
        (["vault.get", "NO_SUCH_SECRET"], "VAULT-"),
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
    from ops.cli import Executor

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
