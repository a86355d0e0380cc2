"""No secret's value is left anywhere: not in argv, not in flyctl's folder, not in a URL, not in an error."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from ops.runbook.secret import Secret
from ops.services.fly import Deploy, Fly, FlyError
from tests.conformance.conftest import IMAGE, client
from tests.flysim import binaries
from tests.flysim.faults import Fault
from tests.flysim.server import FlySim

VALUES = {"OPENAI_API_KEY": "sk-" + "q7Jx" * 10, "SALT": "9f8e7d6c5b4a3928" * 2, "URL": "redis://u:p4ssw0rd-zz@h:6379"}


def files_with(folder: Path, values: list[str]) -> list[str]:
    """Files below `folder` that hold one of the values."""
    hits = []
    for path in folder.rglob("*"):
        if path.is_file() and any(value.encode() in path.read_bytes() for value in values):
            hits.append(str(path.relative_to(folder)))
    return hits


@pytest.fixture
def argv_log(tmp_path: Path) -> Path:
    """Where the recording shim writes."""
    return tmp_path / "argv.jsonl"


@pytest.fixture
def watched(sim: FlySim, binary: Path, tmp_path: Path, argv_log: Path) -> Fly:
    """A client whose flyctl records its arguments."""
    shim = binaries.recording(binary, tmp_path / "shim", argv_log)
    return client(sim, shim, tmp_path / "state")


def run_everything(fly: Fly, toml: Path) -> None:
    """Every call a secret goes through, and those around it."""
    fly.create_app("one", "personal")
    fly.import_secrets("one", {name: Secret(value) for name, value in VALUES.items()})
    fly.deploy("one", toml, Deploy(image=IMAGE))
    fly.import_secrets("one", {"SALT": Secret(VALUES["SALT"])})
    fly.deploy_secrets("one")
    fly.secrets("one")
    fly.redis.create("cache", "personal", "ord", "Fixed 250MB")
    fly.redis.get("cache")


def test_no_value_is_in_argv_urls_or_flyctls_folder(
    watched: Fly, sim: FlySim, toml: Path, tmp_path: Path, argv_log: Path
) -> None:
    run_everything(watched, toml)
    password = sim.state.addons["cache"]["password"]
    values = [*VALUES.values(), sim.token, password]
    runs = [json.loads(line) for line in argv_log.read_text().splitlines()]
    assert len(runs) >= 6
    for run in runs:
        assert not any(value in word for word in run["argv"] for value in values)
    assert not any(value in call.path for call in sim.calls for value in values)
    assert files_with(tmp_path / "state", values) == []
    sent = json.dumps([call.body for call in sim.calls])
    assert all(value in sent for value in VALUES.values()), "the test itself must be able to see them"


def test_flyctls_folder_is_private_and_holds_no_log(watched: Fly, toml: Path, tmp_path: Path) -> None:
    run_everything(watched, toml)
    state = tmp_path / "state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert (state / "logs").is_file()
    assert (state / "logs").read_bytes() == b""


def test_a_log_folder_left_by_another_flyctl_is_wiped_before_the_first_call(
    fly: Fly, sim: FlySim, tmp_path: Path
) -> None:
    old = tmp_path / "state" / "logs"
    old.mkdir(parents=True)
    (old / "flyctl-2026.log").write_text(VALUES["SALT"])
    fly.whoami()
    assert files_with(tmp_path / "state", [VALUES["SALT"]]) == []


def test_the_child_inherits_nothing_that_overrides_or_leaks(
    sim: FlySim, binary: Path, tmp_path: Path, argv_log: Path
) -> None:
    shim = binaries.recording(binary, tmp_path / "shim", argv_log)
    loud = {
        "FLY_APP": "other",
        "FLY_ORG": "other",
        "FLY_REGION": "xxx",
        "FLY_JSON": "0",
        "LOG_LEVEL": "debug",
        "FLYCTL_OUTPUT_HAR": str(tmp_path / "har.json"),
        "FLY_ACCESS_TOKEN": "",
        "OPENAI_API_KEY": "sk-not-yours",
    }
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **sim.environment, **loud}
    fly = Fly(Secret(sim.token), tmp_path / "state", binary=str(shim), environ=environ)
    assert fly.whoami() == sim.email
    (run,) = [json.loads(line) for line in argv_log.read_text().splitlines()]
    assert not set(loud) & set(run["env"])
    assert not (tmp_path / "har.json").exists()


def test_an_error_never_quotes_a_value(fly: Fly, sim: FlySim) -> None:
    fly.create_app("one", "personal")
    echo = {"error": f"cannot store {VALUES['OPENAI_API_KEY']}"}
    sim.fail(Fault("status", status=422, body=echo, match="POST /v1/apps/one/secrets"))
    with pytest.raises(FlyError) as caught:
        fly.import_secrets("one", {name: Secret(value) for name, value in VALUES.items()})
    told = f"{caught.value} {caught.value.what} {caught.value.why} {caught.value.next}"
    assert not any(value in told for value in VALUES.values())


def test_no_background_process_is_left_after_a_release_command(
    fly: Fly, sim: FlySim, tmp_path: Path, toml: Path
) -> None:
    """flyctl would start its agent, which outlives it and keeps the token in its environment."""
    sim.behaviour.release_command_takes = 0.1
    toml.write_text(toml.read_text() + '\n[deploy]\nrelease_command = "migrate"\n')
    fly.create_app("one", "personal")
    fly.deploy("one", toml, Deploy(image=IMAGE))
    assert processes_of(tmp_path / "state") == []


def processes_of(state: Path) -> list[str]:
    """Whoever still runs with this folder as flyctl's."""
    marker = f"FLY_CONFIG_DIR={state}".encode()
    return [p.name for p in Path("/proc").iterdir() if p.name.isdigit() and marker in _environment(p)]


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
