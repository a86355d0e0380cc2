"""One container as it is to be, with the real engine: what is in its way, and what is said when it does not get up."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.description.paths import ROOT, Paths
from ops.runbook.errors import RunbookError
from ops.services.engine.engine import Engine
from ops.targets.containers import app, running
from ops.targets.containers.destroying import destroy
from ops.targets.containers.project import NAME, Project
from ops.targets.containers.wish import Wish
from ops.targets.workspace import Workspace
from tests.containers.conftest import BUILD_S, Made

pytestmark = pytest.mark.timeout(BUILD_S)
SAYS = ("/bin/sh", "-c", "echo it begins; echo it fails here >&2; exec sleep 600")


@pytest.fixture
def workspace(made: Made, tmp_path: Path) -> Workspace:
    environ = {**os.environ, NAME: f"{made.prefix}-one"}
    return Workspace(
        "containers", environ, Paths(ROOT, tmp_path, ROOT / "ops" / "stack.toml"), lambda workspace: tmp_path / "vault"
    )


@pytest.fixture
def project(workspace: Workspace, engine: Engine) -> Iterator[Project]:
    """A project of its own with nothing but its network."""
    project = Project(workspace)
    app.App(project).act(workspace, lambda line: None)
    try:
        yield project
    finally:
        destroy(workspace, project, lambda line: None)


def wish(project: Project, made: Made, **more: object) -> Wish:
    given = {"name": project.container("one"), "group": "one", "image": made.python, "command": SAYS, "stop_s": 0}
    return Wish(**{**given, **more})  # type: ignore[arg-type]


def ensure(project: Project, wanted: Wish, said: str = "", patience: float = 60.0) -> None:
    running.ensure(project, wanted, lambda: said, lambda line: None, patience=patience)


def test_what_does_not_get_well_says_which_check_and_its_last_lines(project: Project, made: Made) -> None:
    with pytest.raises(RunbookError) as caught:
        ensure(project, wish(project, made), "check ready (/health on port 1): 503", patience=2)
    assert caught.value.code == "ENGINE-009"
    assert "check ready (/health on port 1): 503" in caught.value.what
    assert "it fails here" in caught.value.why


def test_what_ends_at_its_start_is_not_waited_for(project: Project, made: Made) -> None:
    ends = ("/bin/sh", "-c", "echo no such thing >&2; exit 7")
    with pytest.raises(RunbookError) as caught:
        ensure(project, wish(project, made, command=ends), "no answer", patience=600)
    assert (caught.value.code, "exit code 7" in caught.value.what) == ("ENGINE-009", True)
    assert "no such thing" in caught.value.why


def test_a_port_that_another_program_has_is_one_sentence(project: Project, made: Made) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(RunbookError) as caught:
        ensure(project, wish(project, made, ports={80: taken.getsockname()[1]}))
    assert caught.value.code == "ENGINE-008"
    assert not project.seen()


def test_a_name_that_another_project_has_is_one_sentence_and_left_alone(
    project: Project, made: Made, engine: Engine
) -> None:
    name = project.container("one")
    engine.run("a stranger", "create", "--name", name, *engine.options.run, made.python, "true")
    try:
        with pytest.raises(RunbookError) as caught:
            ensure(project, wish(project, made))
        assert caught.value.code == "ENGINE-007"
        assert project.about(name) is not None
    finally:
        subprocess.run(engine.words("rm", "--force", name), capture_output=True, check=True, timeout=60)


def test_a_secret_is_in_no_argument_and_no_file_is_left(project: Project, made: Made) -> None:
    ensure(project, wish(project, made, variables={"A_KEY": "not-for-others"}))
    words = wish(project, made, variables={"A_KEY": "not-for-others"}).words(project.network, Path("file"))
    assert not [word for word in words if "not-for-others" in word]
    assert not list((project.state / "env").iterdir())
    assert "not-for-others" not in str(project.about(project.container("one"))["Config"]["Labels"])  # type: ignore[index]


def test_what_is_as_wished_is_left_alone_and_what_differs_is_replaced(project: Project, made: Made) -> None:
    def made_at() -> str:
        return str((project.about(project.container("one")) or {})["Created"])

    ensure(project, wish(project, made))
    first = made_at()
    ensure(project, wish(project, made))
    assert made_at() == first
    ensure(project, wish(project, made, variables={"NEW": "1"}))
    assert made_at() != first
    subprocess.run(project.engine.words("kill", project.container("one")), capture_output=True, check=True, timeout=60)
    assert not running.standing(project, wish(project, made, variables={"NEW": "1"}), lambda: "").satisfied
    ensure(project, wish(project, made, variables={"NEW": "1"}))
    assert [seen.state for seen in project.seen()] == ["running"]
