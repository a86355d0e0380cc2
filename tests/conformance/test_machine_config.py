"""What the product derives from a fly.toml is what flyctl itself makes of it, machine by machine, field by field.

`FLYCTL_RECORD=1 pytest tests/conformance/test_machine_config.py -k real` records the real one's anew; the derivation,
with which the double works too, is held to the recording everywhere.
"""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ops.description.paths import ROOT
from ops.services.fly import Deploy, Fly
from ops.targets.fly import comparing, machine_config
from tests.conformance.conftest import IMAGE
from tests.flysim.machines import group_of
from tests.flysim.server import FlySim

RECORDING = Path(__file__).with_name("machine_configs.json")
RENDERED = ROOT / "fly" / "hotdash-llm-gateway"

FULL = """
app = "one"
primary_region = "fra"
kill_signal = "SIGQUIT"
kill_timeout = "45s"
swap_size_mb = 256
host_dedication_id = "dedicated"
[processes]
db = "serve --port '80 80'"
web = "answer"
[env]
PLAIN = "text"
QUOTED = "a 'b' \\"c\\""
[http_service]
processes = ["web"]
internal_port = 8080
force_https = true
auto_stop_machines = "suspend"
auto_start_machines = false
min_machines_running = 2
[http_service.concurrency]
type = "connections"
soft_limit = 20
hard_limit = 25
[http_service.tls_options]
alpn = ["h2", "http/1.1"]
versions = ["TLSv1.2", "TLSv1.3"]
[http_service.http_options]
compress = true
[http_service.http_options.response]
pristine = true
[[http_service.checks]]
interval = "15s"
timeout = "2s"
grace_period = "1m30s"
method = "head"
path = "/up"
protocol = "https"
tls_skip_verify = true
tls_server_name = "name.example.com"
[http_service.checks.headers]
X-One = "1"
[[services]]
processes = ["db"]
protocol = "tcp"
internal_port = 5432
auto_stop_machines = "stop"
[[services.ports]]
start_port = 5432
end_port = 5440
handlers = ["pg_tls"]
[[services.tcp_checks]]
interval = "10s"
timeout = "3s"
[checks.alive]
processes = ["db", "web"]
type = "http"
port = 8081
method = "post"
path = "/alive"
interval = "20s"
timeout = "4s"
grace_period = "2m"
[checks.alive.headers]
X-Two = "2"
[checks.open]
type = "tcp"
port = 5432
interval = "20s"
timeout = "4s"
[[mounts]]
source = "data"
destination = "/data"
initial_size = "2gb"
snapshot_retention = 7
auto_extend_size_threshold = 80
auto_extend_size_increment = "1GB"
auto_extend_size_limit = "5GB"
processes = ["db"]
[[vm]]
size = "performance-2x"
processes = ["web"]
[[vm]]
cpu_kind = "shared"
cpus = 2
memory = "1gb"
[[restart]]
policy = "on-failure"
retries = 4
processes = ["web"]
[[restart]]
policy = "never"
[[metrics]]
port = 9091
path = "/metrics"
processes = ["web"]
[[statics]]
guest_path = "/public"
url_prefix = "/public"
"""

RENDERED_FILES = ("fly.toml", "clickhouse/fly.toml", "minio/fly.toml")


def made_by(fly: Fly, sim: FlySim, folder: Path, text: str) -> dict[str, Any]:
    """The configs that a deploy of this file ends with, by group."""
    config = tomllib.loads(text)
    path = folder / "fly.toml"
    path.write_text(text)
    fly.create_app(config["app"], "personal")
    fly.deploy(config["app"], path, Deploy(image=IMAGE))
    machines = sim.state.apps[config["app"]]["machines"].values()
    return {group_of(machine): stripped(machine["config"]) for machine in machines}


def stripped(config: dict[str, Any]) -> dict[str, Any]:
    """Without what is not in the file, or another at each deploy."""
    left = {key: value for key, value in config.items() if key not in comparing.ELSEWHERE}
    if "mounts" in left:
        left["mounts"] = [{k: v for k, v in mount.items() if k != "volume"} for mount in left["mounts"]]
    return left


def test_a_deploy_of_every_table_ends_with_the_recorded_configs(
    fly: Fly, sim: FlySim, binary: Path, tmp_path: Path
) -> None:
    made = made_by(fly, sim, tmp_path, FULL)
    if os.environ.get("FLYCTL_RECORD") and binary.parent != tmp_path / "bin":
        RECORDING.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n")
    recorded = json.loads(RECORDING.read_text())
    assert sorted(made) == sorted(recorded)
    for group, config in made.items():
        assert comparing.differences(config, recorded[group]) == [], group


def test_the_derivation_agrees_with_the_recording() -> None:
    toml = tomllib.loads(FULL)
    for group, config in json.loads(RECORDING.read_text()).items():
        assert comparing.differences(config, machine_config.of_group(toml, group)) == [], group


@pytest.mark.parametrize("name", RENDERED_FILES)
def test_a_deploy_of_a_rendered_file_ends_with_what_is_derived_from_it(
    fly: Fly, sim: FlySim, tmp_path: Path, name: str
) -> None:
    text = (RENDERED / name).read_text()
    made = made_by(fly, sim, tmp_path, text)
    assert made
    for group, config in made.items():
        assert comparing.differences(config, machine_config.of_group(tomllib.loads(text), group)) == [], group
