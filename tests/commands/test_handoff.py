"""R4: `inv document.handoff` completes the task, on production, when every line holds, once; nothing else does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from invoke import Context, Exit

from ops.commands.documents import handoff
from ops.session import handoff as gathering
from ops.session import opening
from ops.session.compose import compose
from ops.session.handoff import Handoff
from tests.reports.listening import Call, Repository

Hand = Callable[[str, bool], list[Call]]


@pytest.fixture
def hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hand:
    """Hand over on a target, with a checklist that holds or not; what the scripts were told until then."""
    repository = Repository(tmp_path / "repository")
    monkeypatch.setenv("PATH", repository.path)

    def over(target: str, holds: bool) -> list[Call]:
        deployment = compose(target, {"PROGRESS_REPOSITORY": str(repository.folder)})
        state = dataclasses.replace(deployment.paths, state=tmp_path / target)
        deployment = dataclasses.replace(deployment, paths=state)
        monkeypatch.setattr(opening, "open_deployment", lambda name: deployment)
        page = Handoff(target, datetime.now(UTC), holds, (("Open", "Nothing."),))
        monkeypatch.setattr(gathering, "gather", lambda deployment: page)
        if holds:
            handoff(Context(), target=target)
        else:
            with pytest.raises(Exit):
                handoff(Context(), target=target)
        assert (tmp_path / target / "handoff.html").is_file()
        return repository.calls

    return over


def test_it_completes_the_task_once_and_only_when_every_line_holds(
    hand: Hand, capfd: pytest.CaptureFixture[str]
) -> None:
    assert hand("fly", False) == []
    assert len(hand("fly", True)) == 1
    assert " is complete\n" in capfd.readouterr().err
    (call,) = hand("fly", True)
    assert call.script == "complete-task.ts"
    assert "is complete, as was reported before\n" in capfd.readouterr().err


def test_a_rehearsal_completes_nothing(hand: Hand) -> None:
    assert hand("local", True) == []


def test_what_cannot_be_delivered_is_said_and_waits(
    hand: Hand, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "repository" / "scripts" / "agent" / "complete-task.ts"
    script.unlink()
    assert hand("fly", True) == []
    said = capfd.readouterr().err.splitlines()
    assert said[1] == "progress: 1 reports not delivered: complete-task-1"
    assert "complete-task.ts is not there" in said[2]
    script.touch()
    assert len(hand("fly", True)) == 1
