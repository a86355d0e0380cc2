"""Finding an engine, what it must be told on a host, and what its refusals mean: with programs that play one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ops.runbook.errors import RunbookError
from ops.services.engine.building import Build, build
from ops.services.engine.engine import Engine, find
from ops.services.engine.image import layers
from ops.services.engine.suiting import Host, Options, for_podman

PODMAN: dict[str, Any] = {
    "host": {
        "cgroupManager": "systemd",
        "cgroupVersion": "v2",
        "ociRuntime": {"name": "crun"},
        "security": {"rootless": False},
    },
    "store": {"graphRoot": ""},
    "version": {"Version": "4.3.1"},
}
DOCKER = {"ServerVersion": "28.2.2", "DefaultRuntime": "runc", "DockerRootDir": "/nowhere", "SecurityOptions": []}
ROOMY = Host(systemd=True, runc=True, files=1_048_576, processes=-1)


def program(folder: Path, name: str, script: str) -> str:
    """A program that plays an engine; the folder it is found in."""
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(folder)


def answering(folder: Path, name: str, info: dict[str, Any], more: str = "") -> str:
    said = json.dumps(info)
    cases = f"--version) echo '{name} version 1';; info) echo '{said}';; {more}"
    return program(folder, name, f'PATH=/usr/bin:/bin\ncase "$1" in {cases} esac')


def about(**changes: Any) -> dict[str, Any]:
    return {**PODMAN, "host": {**PODMAN["host"], **changes}}


V1_CRUN = about(cgroupVersion="v1")


@pytest.mark.parametrize(
    ("info", "host", "wanted"),
    [
        (PODMAN, ROOMY, Options()),
        (PODMAN, Host(False, True, -1, -1), Options(always=("--cgroup-manager=cgroupfs",))),
        (V1_CRUN, ROOMY, Options(always=("--runtime", "runc"))),
        (V1_CRUN, Host(True, False, -1, -1), Options(build=("--isolation=chroot",))),
        (about(cgroupVersion="v1", ociRuntime={"name": "runc"}), ROOMY, Options()),
        (PODMAN, Host(True, True, 20_000, -1), Options(run=("--ulimit", "nofile=20000:20000"))),
        (PODMAN, Host(True, True, -1, 1000), Options(run=("--ulimit", "nproc=1000:1000"))),
        (about(security={"rootless": True}), Host(True, True, 20_000, 1000), Options()),
    ],
)
def test_podman_is_told_what_the_host_needs_and_no_more(info: dict[str, Any], host: Host, wanted: Options) -> None:
    assert for_podman(info, host) == wanted


def test_the_first_that_answers_is_taken(tmp_path: Path) -> None:
    """A docker without a daemon does not hide a podman that works."""
    program(tmp_path, "docker", 'echo "{}"; echo "Cannot connect to the Docker daemon" >&2; exit 1')
    assert find({"PATH": answering(tmp_path, "podman", PODMAN)}).kind == "podman"


def test_the_named_one_is_taken(tmp_path: Path) -> None:
    answering(tmp_path, "podman", PODMAN)
    path = answering(tmp_path, "docker", DOCKER)
    assert find({"PATH": path}).kind == "docker"
    assert find({"PATH": path, "RUNBOOK_ENGINE": str(tmp_path / "podman")}).kind == "podman"


def test_a_docker_that_is_podman_is_known_as_podman(tmp_path: Path) -> None:
    said = json.dumps(PODMAN)
    path = program(tmp_path, "docker", f"[ $1 = info ] && echo '{said}' || echo 'podman version 4.3.1'")
    assert find({"PATH": path}).kind == "podman"


def test_none_there(tmp_path: Path) -> None:
    with pytest.raises(RunbookError, match="neither docker nor podman") as caught:
        find({"PATH": str(tmp_path)})
    assert (caught.value.code, caught.value.exit_code) == ("ENGINE-001", 3)


def test_the_named_one_is_not_there(tmp_path: Path) -> None:
    path = answering(tmp_path, "docker", DOCKER)
    with pytest.raises(RunbookError, match="nerdctl is not installed") as caught:
        find({"PATH": path, "RUNBOOK_ENGINE": "nerdctl"})
    assert caught.value.code == "ENGINE-001"


def test_its_socket_refuses(tmp_path: Path) -> None:
    refused = "permission denied while trying to connect to the Docker daemon socket"
    path = program(tmp_path, "docker", f'echo "{{}}"; echo "{refused}" >&2; exit 1')
    with pytest.raises(RunbookError) as caught:
        find({"PATH": path})
    assert caught.value.code == "ENGINE-002"
    assert refused in caught.value.why


def engine(program: str, kind: str = "podman", storage: str = "") -> Engine:
    return Engine(kind, program, "1", "runc", False, storage, Options())


def test_too_little_room_is_said_before_it_begins(tmp_path: Path) -> None:
    with pytest.raises(RunbookError, match="GB left") as caught:
        engine("podman", storage=str(tmp_path)).require_room(10**18)
    assert caught.value.code == "ENGINE-003"
    engine("podman", storage=str(tmp_path)).require_room(1)
    engine("podman", storage="/not/on/this/machine").require_room(10**18)


@pytest.mark.parametrize(("last", "code"), [("no space left on device", "ENGINE-003"), ("no such file", "ENGINE-006")])
def test_a_failed_build_shows_its_end_and_names_its_log(tmp_path: Path, last: str, code: str) -> None:
    program(tmp_path, "podman", f'seq -f "line %g" 100; echo "{last}" >&2; exit 125')
    log = tmp_path / "logs" / "image.log"
    with pytest.raises(RunbookError) as caught:
        build(engine(str(tmp_path / "podman")), Build(tmp_path / "D", tmp_path, "x"), log, lambda line: None)
    assert caught.value.code == code
    assert caught.value.why.splitlines()[1:] == [*(f"line {number}" for number in range(72, 101)), last]
    assert str(log) in caught.value.next
    assert log.read_text().splitlines() == [*(f"line {number}" for number in range(1, 101)), last]
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_build_that_takes_long_says_what_it_is_at(tmp_path: Path) -> None:
    gate = tmp_path / "said"
    script = '[ "$1" = build ] || { echo \'[{"Id": "sha256:12"}]\'; exit; }\necho "STEP 3: pip"'
    program(tmp_path, "podman", f"{script}\nwhile [ ! -e {gate} ]; do sleep 0.1; done")
    heard: list[str] = []

    def say(line: str) -> None:
        heard.append(line)
        gate.touch()

    found = build(engine(str(tmp_path / "podman")), Build(tmp_path / "D", tmp_path, "x"), tmp_path / "log", say)
    assert found == "12"
    assert "building x (" in heard[0]
    assert heard[0].endswith("STEP 3: pip")


def test_bases_are_replaced_without_touching_the_dockerfile(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM docker.io/a:1@sha256:0 AS one\n# from docker.io/a:1@sha256:0\nFROM docker.io/a:1@sha256:01\n")
    before = file.read_text()
    wanted = Build(file, tmp_path, "x", {"docker.io/a:1@sha256:0": "localhost/b"})
    with wanted.on_bases() as copy:
        assert copy.read_text() == before.replace("FROM docker.io/a:1@sha256:0 ", "FROM localhost/b ")
        assert str(copy) in wanted.arguments(engine("podman"), copy)
    assert (copy.exists(), file.read_text()) == (False, before)
    with Build(file, tmp_path, "x").on_bases() as same:
        assert same == file


ROWS = [{"CreatedBy": "/bin/sh -c pip install", "size": 7}, {"CreatedBy": "ENV A=1", "size": 0}]
LINES = [{"CreatedBy": "pip  install", "Size": "7"}, {"CreatedBy": "ENV A=1", "Size": "0"}]


@pytest.mark.parametrize(
    ("kind", "said"), [("podman", json.dumps(ROWS)), ("docker", "\n".join(map(json.dumps, LINES)))]
)
def test_layers_are_read_from_either_engine(tmp_path: Path, kind: str, said: str) -> None:
    program(tmp_path, kind, f"cat <<'END'\n{said}\nEND")
    found = layers(engine(str(tmp_path / kind), kind), "x")
    assert [(layer.made_by, layer.size) for layer in found] == [("pip install", 7)]
