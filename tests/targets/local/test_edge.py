"""The edge's Caddyfile is rendered again only when what it was rendered from, or the file itself, has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops import render
from ops.runbook.step import State
from ops.targets.deployment import Deployment
from ops.targets.local import edge
from ops.targets.local.rehearsal import Rehearsal
from tests.targets.local import support


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What has been rendered since the last `clear`."""
    texts: list[str] = []
    original = render.caddyfile

    def caddyfile(*arguments: object, **options: object) -> str:
        texts.append(original(*arguments, **options))  # type: ignore[arg-type]
        return texts[-1]

    monkeypatch.setattr(render, "caddyfile", caddyfile)
    return texts


@pytest.fixture
def deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rendered: list[str]) -> Deployment:
    """An edge that is configured; no Caddy is started."""
    monkeypatch.setattr(Rehearsal, "start", lambda *arguments, **options: None)
    monkeypatch.setattr("ops.targets.local.tools.need", lambda *words: "caddy")
    made = support.deployment(tmp_path)
    support.local(made).domains.act(made, lambda text: None)
    rendered.clear()
    return made


def test_a_look_that_finds_nothing_new_renders_nothing(deployment: Deployment, rendered: list[str]) -> None:
    assert "Caddyfile" not in support.local(deployment).domains.look(deployment).evidence
    assert rendered == []


def test_a_file_that_was_edited_is_seen(deployment: Deployment, rendered: list[str]) -> None:
    file = support.local(deployment).layout.data(edge.NAME) / "Caddyfile"
    file.write_text(file.read_text() + "# mine\n")
    look = support.local(deployment).domains.look(deployment)
    assert (look.state, rendered != []) == (State.DRIFTED, True)
    assert "-# mine" in look.diff


def test_a_stack_that_was_edited_is_seen(deployment: Deployment, rendered: list[str]) -> None:
    changed = support.deployment(deployment.paths.root, STACK__DOMAINS__GATEWAY="elsewhere.example")
    look = support.local(changed).domains.look(changed)
    assert (look.state, rendered != []) == (State.DRIFTED, True)
    assert "elsewhere.example" in look.diff


def test_another_template_is_seen(deployment: Deployment, rendered: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.render.files.source", lambda: "another")
    support.local(deployment).domains.look(deployment)
    assert len(rendered) == 1
