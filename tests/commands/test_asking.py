"""Every command that can change production asks first (R-cases on consent), with the sentence of its dry form."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.commands.asking import asks_first
from ops.commands.dry import Looks, Plans, Says
from ops.commands.namespace import namespace
from ops.runbook.errors import RunbookError
from ops.session import opening

ROOT = namespace()
# By typing its name, and of what lies on this machine: nothing of production is changed by these.
ASKED_OTHERWISE = {"deploy.destroy"}
HERE = {"progress.flush", "progress.drop", "build.image"}


def options(name: str) -> set[str]:
    return {argument.name for argument in ROOT[name].get_arguments()}


@pytest.mark.parametrize("name", sorted(ROOT.task_names))
def test_what_can_change_production_takes_yes(name: str) -> None:
    if "target" not in options(name) or isinstance(ROOT[name].dry, Looks) or name in ASKED_OTHERWISE | HERE:
        return
    only_tests = name.startswith("test.") or name.startswith("document.")
    assert "yes" in options(name) or only_tests, f"{name} could change production without asking"
    assert isinstance(ROOT[name].dry, Plans | Says), f"{name} cannot say what it would do"


def body(production: bool, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[str]]:
    done: list[str] = []
    deployment = SimpleNamespace(target=SimpleNamespace(production=production))
    monkeypatch.setattr(opening, "open_deployment", lambda target="": deployment)

    def act(c: object, what: str = "", target: str = "", yes: bool = False) -> None:
        done.append(what)

    return asks_first(act, Says(lambda what="", target="": f"{what} would be done")), done


def test_production_is_not_changed_without_a_yes_where_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, done = body(True, monkeypatch)
    with pytest.raises(RunbookError, match="it would be done; nothing was done") as caught:
        asked(None, what="it", target="fly")
    assert (caught.value.code, done) == ("CLI-011", [])


def test_with_a_yes_it_is_done_and_a_rehearsal_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, done = body(True, monkeypatch)
    asked(None, what="it", yes=True)
    asked, rehearsed = body(False, monkeypatch)
    asked(None, what="it")
    assert done == rehearsed == ["it"]


def test_a_dry_form_is_not_troubled_by_a_yes(tmp_path: Path) -> None:
    inv = Path(__file__).parents[2] / "inv"
    done = subprocess.run(
        [inv, "--dry", "vault.remove", "OLD_KEY", "--yes"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "OLD_KEY would be taken out" in done.stdout
