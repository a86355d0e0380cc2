"""The gateway group as a container of the image: its own start script, its own variables, names as on Fly."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ops.build.image import Built
from ops.description.paths import ROOT
from ops.description.read import read
from ops.runbook.interrupt import wait_until
from ops.services.engine.engine import Engine
from ops.targets.local import tools
from tests.containers.conftest import BUILD_S, Made

pytestmark = pytest.mark.timeout(BUILD_S)
APP = read(ROOT / "ops" / "stack.toml", {}).fly.app
GATEWAY, REDIS = f"gateway.process.{APP}.internal", f"redis.process.{APP}.internal"
SECRETS = (
    "PROD_CUSTOMER_KEY",
    "PROD_CEO_KEY",
    "PROD_BACKGROUND_KEY",
    "ADMIN_KEY",
    "PROBE_KEY",
    "LITELLM_MASTER_KEY",
    "UPSTREAM_OPENAI_API_KEY",
)
READY_S = 300.0


@dataclass
class Running:
    """A gateway in its container.

    Attributes:
        name: the container's.
        redis: that of its Valkey.
        keys: what it was given, by name.
        ready_s: seconds from its start until it said that it is ready.
        url: where this machine reaches it.
    """

    name: str
    redis: str
    keys: dict[str, str]
    ready_s: float
    url: str


@pytest.fixture(scope="module")
def network(engine: Engine, made: Made) -> Iterator[str]:
    """A network of their own; every container on it is gone before it is."""
    name = f"{made.prefix}-net"
    engine.run("making the network", "network", "create", name)
    try:
        yield name
    finally:
        listed = ("ps", "--all", "--quiet", "--filter", f"network={name}")
        found = subprocess.run(engine.words(*listed), capture_output=True, text=True, check=True, timeout=60)
        for container in found.stdout.split():
            words = engine.words("rm", "--force", "--volumes", container)
            subprocess.run(words, capture_output=True, check=False, timeout=120)
        engine.run("removing the network", "network", "rm", name)


def start(engine: Engine, network: str, name: str, alias: str, *words: str, timeout: float = 120.0) -> str:
    """Start a container under a name of the private network; its address there."""
    options = ("--network", network, "--network-alias", alias, *engine.options.run)
    engine.run(f"starting {name}", "run", "--detach", "--name", name, *options, *words, timeout=timeout)
    return str(inspect(engine, name)["NetworkSettings"]["Networks"][network]["IPAddress"])


def inspect(engine: Engine, name: str) -> Any:
    return engine.json("looking", "container", "inspect", name)[0]


@pytest.fixture(scope="module")
def gateway(
    engine: Engine, built: Built, made: Made, network: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """The gateway's group, a Valkey with a password from a file, and the OpenAI stand-in on this machine."""
    folder = tmp_path_factory.mktemp("gateway")
    keys = {name: f"sk-{secrets.token_hex(24)}" for name in SECRETS}
    password = secrets.token_hex(16)
    configuration = folder / "valkey.conf"
    configuration.write_text(f'bind 0.0.0.0\nport 6379\nrequirepass {password}\nsave ""\ndir /tmp\n')
    configuration.chmod(0o644)
    server = tools.find("valkey-server")
    assert server
    mounts = ("--volume", f"{server}:/usr/bin/valkey-server:ro", "--volume", f"{configuration}:/valkey.conf:ro")
    redis = f"{made.prefix}-redis"
    start(engine, network, redis, REDIS, *mounts, built.tag, "/usr/bin/valkey-server", "/valkey.conf")
    host = inspect(engine, redis)["NetworkSettings"]["Networks"][network]["Gateway"]
    openai = subprocess.Popen(
        [sys.executable, "-m", "tests.containers.openai", host, str(folder / "openai")],
        env={**os.environ, "OPENAI_STANDIN_KEY": keys["UPSTREAM_OPENAI_API_KEY"]},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert openai.stdout is not None
        port = openai.stdout.readline().strip()
        values = {
            **keys,
            "GATEWAY_REDIS_URL": f"redis://default:{password}@{REDIS}:6379/0",
            "UPSTREAM_OPENAI_BASE_URL": f"http://{host}:{port}/v1",
            "GATEWAY_PORT": "4000",
        }
        variables = folder / "gateway.env"
        variables.touch(0o600)
        variables.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        name = f"{made.prefix}-gateway"
        began = time.monotonic()
        words = ("--env-file", str(variables), built.tag, "/opt/gateway/bin/start-litellm.sh")
        url = f"http://{start(engine, network, name, GATEWAY, *words)}:4000"
        wait_until(lambda: ready(engine, name, url), what="the gateway to be ready", timeout=READY_S)
        yield Running(name, redis, keys, time.monotonic() - began, url)
    finally:
        openai.terminate()
        openai.wait(20)


def ready(engine: Engine, name: str, url: str) -> bool:
    if not inspect(engine, name)["State"]["Running"]:
        done = subprocess.run(engine.words("logs", name), capture_output=True, text=True, check=False, timeout=60)
        pytest.fail(f"the gateway has ended:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    try:
        with urllib.request.urlopen(f"{url}/health/readiness", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


ASK = """
import json, sys, urllib.request
key = sys.stdin.readline().strip()
body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello"}]}).encode()
headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
request = urllib.request.Request(f"http://%s:4000/v1/chat/completions", body, headers)
print(urllib.request.urlopen(request, timeout=60).read().decode())
"""


def test_it_answers_a_chat_under_its_name_on_the_private_network(
    gateway: Running,
    engine: Engine,
    built: Built,
    network: str,
    made: Made,
    record_property: Callable[[str, object], None],
) -> None:
    """Asked from another container, by the name that the edge dials. How long it took to be ready is reported."""
    record_property("ready_s", round(gateway.ready_s, 2))
    options = ("--rm", "--interactive", "--network", network, *engine.options.run)
    words = ("run", *options, built.tag, "python", "-c", ASK % GATEWAY)
    key = gateway.keys["PROD_CUSTOMER_KEY"].encode() + b"\n"
    said = engine.run("asking", *words, input=key, timeout=300).stdout
    assert json.loads(said.splitlines()[-1])["choices"][0]["message"]["content"]


def test_no_key_is_in_an_argument_or_in_what_others_show(gateway: Running, engine: Engine) -> None:
    """Its own variables hold its keys; its command, its neighbour and the image do not."""
    own = inspect(engine, gateway.name)
    shown = json.dumps([own["Config"]["Cmd"], own["Args"], own["Config"].get("CreateCommand"), own["Name"]])
    for text in (shown, json.dumps(inspect(engine, gateway.redis))):
        assert not [name for name, key in gateway.keys.items() if key in text]


def test_it_ends_in_time_when_told_to(gateway: Running, engine: Engine) -> None:
    """Last in this file: the start script's child gets the signal, and nothing has to be killed."""
    engine.run("stopping", "stop", "--time", "60", gateway.name, timeout=120)
    assert inspect(engine, gateway.name)["State"]["ExitCode"] in (0, 143)
