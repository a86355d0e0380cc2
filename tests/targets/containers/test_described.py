"""What the containers are to be, without an engine: from the rendered files, the lock and the settings."""

from __future__ import annotations

import ast
import json
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from ops.description.paths import ROOT
from ops.runbook.errors import RunbookError
from ops.runbook.step import Say, State
from ops.services.engine.building import Build
from ops.session.compose import compose
from ops.targets.containers import health, images, inside
from ops.targets.containers.groups import ORDER
from ops.targets.containers.packages import PACKAGES
from ops.targets.containers.project import Project
from ops.targets.containers.release import ipv4_rules
from ops.targets.containers.target import Containers
from ops.targets.containers.wish import Mount, Wish
from ops.targets.deployment import Deployment

# What a distribution is imported as, where that differs from its name.
IMPORTED = {"opentelemetry": "opentelemetry-proto", "google": "protobuf"}


def deployment(tmp_path: Path, **settings: str) -> Deployment:
    """The project's own stack, with a state folder of the test's."""
    made = compose("containers", {"HOME": str(tmp_path), **settings})
    paths = type(made.paths)(made.paths.root, tmp_path / "state", made.paths.stack_file)
    return Deployment(**{**vars(made), "paths": paths})


def target(made: Deployment) -> Containers:
    assert isinstance(made.target, Containers)
    return made.target


def test_every_group_has_a_check_that_fly_has_too(tmp_path: Path) -> None:
    """A group without one would be healthy as soon as it has begun."""
    made = deployment(tmp_path)
    groups = target(made).groups
    for group in ORDER:
        found = health.checks(groups.machine(made, group))
        assert [check for check in found.values() if check["type"] == "http"], group


def test_the_stand_ins_image_holds_all_they_import() -> None:
    """An import that is not among its packages would fail only when the request comes that needs it."""
    found = set()
    for file in (ROOT / "ops" / "standins").rglob("*.py"):
        # These run on the developer's machine alone.
        if file.name == "contract.py" or file.parent.name == "smtp":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                found.add((node.module or "").partition(".")[0])
    others = {IMPORTED.get(name, name) for name in found - set(sys.stdlib_module_names) - {"ops"}}
    assert others - PACKAGES == set()


def test_addresses_on_loopback_become_names_of_the_private_network(tmp_path: Path) -> None:
    made = deployment(tmp_path)
    project = Project(made)
    (tmp_path / "state").mkdir()
    project.ports.file.write_text(json.dumps({"postgres": 21001, "redis": 21002}))
    app = made.stack.fly.app
    url = "postgresql://langfuse:p%40w@127.0.0.1:21001/postgres?schema=langfuse"
    assert (
        inside.from_within(project, url)
        == f"postgresql://langfuse:p%40w@postgres.process.{app}.internal:5432/postgres?schema=langfuse"
    )
    redis = f"redis://default:x@redis.process.{app}.internal:6379/0"
    assert inside.from_within(project, "redis://default:x@127.0.0.1:21002/0") == redis
    assert inside.from_within(project, "redis://default:x@127.0.0.1:21003/0").endswith(":21003/0")


@pytest.mark.parametrize("settings", [{}, {"RUNBOOK_ENGINE": "no-such-engine"}])
def test_without_an_engine_a_person_is_needed_and_told_what_for(tmp_path: Path, settings: dict[str, str]) -> None:
    made = deployment(tmp_path, PATH=str(tmp_path), **settings)
    look = target(made).preparation()[0].look(made)
    assert look.state is State.BLOCKED
    assert "installed" in look.evidence
    assert look.next
    lines = target(made).requirements()
    assert [line.ok for line in lines if line.name == "container engine"] == [False]


def test_an_engine_whose_socket_refuses_is_named_with_its_words(tmp_path: Path) -> None:
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\necho "permission denied while trying to connect" >&2\nexit 1\n')
    program.chmod(0o755)
    made = deployment(tmp_path, PATH=f"{tmp_path}{os.pathsep}/bin", RUNBOOK_ENGINE="docker")
    look = target(made).preparation()[0].look(made)
    assert (look.state, "permission denied" in look.evidence) == (State.BLOCKED, True)


def test_no_secret_is_an_argument_and_each_one_changes_the_mark(tmp_path: Path) -> None:
    file = tmp_path / "conf"
    file.write_text("requirepass one")
    wish = Wish("a", "a", "image", variables={"KEY": "hunter2"}, mounts=(Mount(str(file), "/conf"),))
    assert not [word for word in wish.words("net", tmp_path / "env") if "hunter2" in word or "requirepass" in word]
    marks = {wish.mark("key"), wish.mark("other key")}
    marks.add(Wish("a", "a", "image", variables={"KEY": "other"}, mounts=wish.mounts).mark("key"))
    file.write_text("requirepass two")
    marks.add(wish.mark("key"))
    assert len(marks) == 4


def test_only_its_owner_can_read_what_containers_are_given(tmp_path: Path) -> None:
    """The files themselves are for the container's own user to read, so the folder has to be closed."""
    from ops.targets.containers.servers import write_readable

    project = Project(deployment(tmp_path))
    write_readable(project, "valkey.conf", "requirepass x")
    assert stat.S_IMODE((project.state / "files").stat().st_mode) == 0o700
    assert stat.S_IMODE((project.state / "files" / "valkey.conf").stat().st_mode) == 0o644


def test_destroying_takes_the_name_typed(tmp_path: Path) -> None:
    from ops.runbook.errors import RunbookError

    made = deployment(tmp_path, RUNBOOK_CONTAINERS_NAME="mine")
    assert made.target.name_to_destroy == "mine"
    for typed in ("", "yours"):
        with pytest.raises(RunbookError) as caught:
            made.target.check_destroy(typed)
        assert caught.value.code == "ENGINE-011"
    made.target.check_destroy("mine\n")


def test_without_ipv6_the_edge_dials_ipv4_by_the_same_rules(tmp_path: Path) -> None:
    made = deployment(tmp_path)
    rules, rendered = ipv4_rules(made), (made.gateway_dir / "config" / "Caddyfile").read_text()
    assert "ipv6" not in rules
    assert rendered.count("versions ipv6") == rules.count("versions ipv4") == 2
    assert rules.replace("versions ipv4", "versions ipv6") == rendered


def test_a_fast_rollback_is_refused_and_not_taken_for_a_slow_one(tmp_path: Path) -> None:
    with pytest.raises(RunbookError) as caught:
        target(deployment(tmp_path)).rollback(print, fast=True)
    assert caught.value.code == "ENGINE-013"


def test_what_builds_leave_behind_is_remembered_whichever_ends_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images are built side by side; a stage that only one of them knows of was left for good, a gigabyte of it."""
    project, there = Project(deployment(tmp_path)), {"another's"}
    both, first_ended = threading.Barrier(2, timeout=30), threading.Event()

    def build(engine: object, wanted: Build, log: Path, say: Say) -> str:
        both.wait()
        if wanted.tag == "second":
            assert first_ended.wait(30)
        there.add(f"stage of the {wanted.tag}")
        return ""

    monkeypatch.setattr(images, "found", lambda project, tag: "")
    monkeypatch.setattr(images, "nameless", lambda project: set(there))
    monkeypatch.setattr(images, "build", build)

    def make(tag: str) -> None:
        images.make(project, Build(tmp_path / "Dockerfile", tmp_path, tag), lambda line: None)

    threads = [threading.Thread(target=make, args=(tag,)) for tag in ("first", "second")]
    for thread in threads:
        thread.start()
    threads[0].join(30)
    first_ended.set()
    threads[1].join(30)
    assert images.left_behind(project) == {"stage of the first", "stage of the second"}

    # One that was killed has noted only what was there before it.
    project.memory.put(images.BUILDS, "third", {"left": [], "before": sorted(there)})
    there.add("stage of the third")
    assert images.left_behind(Project(deployment(tmp_path))) == there - {"another's"}
