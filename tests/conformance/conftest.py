"""One simulated account and one client per test; each test runs with the real flyctl and with its double."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.runbook.secret import Secret
from ops.services.fly import Fly
from tests.flysim import binaries, said
from tests.flysim.server import FlySim

IMAGE = "registry.example.com/gateway:1"
NEXT_IMAGE = "registry.example.com/gateway:2"

TOML = """
app = "one"
primary_region = "ord"
kill_timeout = 30
[processes]
edge = "caddy run"
worker = "work"
[env]
LOG_LEVEL = "info"
[[services]]
processes = ["edge"]
protocol = "tcp"
internal_port = 8080
auto_stop_machines = "off"
auto_start_machines = true
[[services.ports]]
port = 80
handlers = ["http"]
force_https = true
[[services.ports]]
port = 443
handlers = ["tls", "http"]
[[services.http_checks]]
interval = "15s"
timeout = "2s"
grace_period = "10s"
method = "GET"
path = "/healthz"
[checks.worker]
processes = ["worker"]
type = "http"
port = 3030
path = "/health"
interval = "15s"
timeout = "2s"
grace_period = "10s"
[[vm]]
size = "shared-cpu-1x"
memory = "256mb"
"""

TOML_WITH_VOLUME = """
app = "one"
primary_region = "ord"
[processes]
db = "serve"
web = "answer"
[[mounts]]
source = "data"
destination = "/data"
processes = ["db"]
[[vm]]
size = "shared-cpu-1x"
memory = "256mb"
"""


@pytest.fixture(params=["real", "double"])
def binary(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A flyctl: the real one (skipped where it is not installed), and the double."""
    if request.param == "double":
        return binaries.double(tmp_path / "bin")
    found = binaries.real()
    if found is None:
        pytest.skip(binaries.WHY_NOT)
    return found


@pytest.fixture
def sim() -> Iterator[FlySim]:
    """An empty simulated account that knows two images."""
    with FlySim() as running:
        for ref in (IMAGE, NEXT_IMAGE):
            running.state.add_image(ref)
        yield running
        assert not running.unknown, "flyctl asked for GraphQL fields that the simulator does not know"


def client(sim: FlySim, binary: Path, state: Path) -> Fly:
    """A client of that account, with an environment of its own."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(state), **sim.environment}
    return Fly(Secret(sim.token), state, binary=str(binary), environ=environ)


@pytest.fixture
def fly(sim: FlySim, binary: Path, tmp_path: Path) -> Iterator[Fly]:
    """A client of the simulated account."""
    made = client(sim, binary, tmp_path / "state")
    yield made
    made.close()


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    """A fly.toml with two groups: `edge` with public services, `worker` with a check only."""
    path = tmp_path / "fly.toml"
    path.write_text(TOML)
    return path


@pytest.fixture(scope="session", autouse=True)
def noted() -> Iterator[None]:
    """Which commands the real flyctl runs, for the last lines."""
    with said.recorded():
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Real or double, and what was not run with the real one."""
    terminalreporter.write_line(f"tests/conformance: {said.which()}")
    terminalreporter.write_line(f"tests/conformance: {said.not_for_real()}")
