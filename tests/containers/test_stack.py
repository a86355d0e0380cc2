"""All of the stack in containers: from nothing, killed in the middle, used, replaced under load, and taken away again.

One deployed stack for all of it, so the order of the tests is the order of the file.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from ops.runbook.interrupt import wait_until
from ops.services.endpoints import Endpoints
from ops.services.engine.engine import Engine
from ops.services.web import Site
from ops.targets.containers.images import BASES
from ops.targets.containers.project import NAME
from tests.containers import servers
from tests.containers.conftest import BUILD_S, Made, nameless
from tests.integration.checkout import Checkout
from tests.lacking import lacking

pytestmark = pytest.mark.timeout(BUILD_S)
INV_S = 1500
# The containers whose environment holds secrets, and whose vault entries those are.
GATEWAY_ONLY = ("PROD_CUSTOMER_KEY", "LITELLM_MASTER_KEY", "OPENAI_API_KEY")


@dataclass
class Stack:
    """A checkout whose rehearsal runs in containers.

    Attributes:
        checkout: where its commands run.
        name: what its containers' names begin with.
        settings: of its environment.
        before: ids of the nameless images that were there before.
    """

    checkout: Checkout
    name: str
    settings: dict[str, str]
    engine: Engine
    before: frozenset[str]

    @property
    def state(self) -> Path:
        return self.checkout.root / ".state" / "containers"

    def inv(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.checkout.command(*words, "--target", "containers"),
            cwd=self.checkout.root,
            env=self.checkout.environment(**self.settings, **more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=INV_S,
            check=False,
        )

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """Begin a command, in a session of its own."""
        return subprocess.Popen(
            self.checkout.command(*words, "--target", "containers"),
            cwd=self.checkout.root,
            env=self.checkout.environment(**self.settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def names(self) -> list[str]:
        """Its containers, running or not."""
        listing = ("ps", "--all", "--format", "{{.Names}}", "--filter", f"name={self.name}-")
        return sorted(self.engine.run("listing", *listing).stdout.split())

    def inspect(self, name: str) -> Any:
        return self.engine.json("looking", "container", "inspect", name)[0]

    @property
    def vault(self) -> dict[str, str]:
        return {
            name: entry["value"]
            for name, entry in json.loads((self.state / "vault.json").read_text())["secrets"].items()
        }

    def site(self) -> Site:
        """The gateway's public name, over TLS."""
        port = json.loads((self.state / "ports.json").read_text())["edge_https"]
        url = f"https://gateway.hotrodan.com:{port}"
        return Site(url, Endpoints(url, url, f"127.0.0.1:{port}", self.state / "authority.crt"), timeout=60)


@pytest.fixture(scope="module")
def stack(engine: Engine, made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Nothing yet; whatever the tests bring up is gone afterwards."""
    if servers.lacking():
        pytest.skip(lacking(servers.lacking()))
    folder = tmp_path_factory.mktemp("stack")
    (folder / "images").mkdir()
    bases = servers.make(engine, folder / "images", made.prefix, made.python)
    given = {**bases, "web": made.web, "worker": made.worker, "python": made.python}
    settings = {BASES[kind]: image for kind, image in given.items()}
    settings |= {NAME: f"{made.prefix}-stack", "RUNBOOK_ENGINE": engine.program, "STACK__FLY__GROUPS__UI__COUNT": "1"}
    stack = Stack(Checkout(folder / "checkout"), settings[NAME], settings, engine, frozenset(nameless(engine)))
    try:
        yield stack
    finally:
        stack.inv("deploy.destroy", "--name", stack.name)


def test_a_group_that_does_not_get_healthy_ends_the_run_before_what_comes_after_it(stack: Stack) -> None:
    """With no patience at all: the first group is named with its check, and no later one is started."""
    done = stack.inv("deploy.all", RUNBOOK_HEALTH_WAIT_S="0.05")
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    said = done.stdout + done.stderr
    assert "ENGINE-009" in said
    assert f"ui ({stack.name}-ui-1) does not get healthy: check ui (/api/public/health" in said
    assert not [name for name in stack.names() if "-worker" in name or "-gateway" in name or "-edge" in name]


def test_killed_in_the_middle_it_converges_and_a_second_run_changes_nothing(stack: Stack) -> None:
    run = stack.start("deploy.all")
    try:
        wait_until(
            lambda: f"{stack.name}-gateway-1" in stack.names() or run.poll() is not None,
            what="the gateway's container",
            timeout=INV_S,
        )
        assert run.poll() is None, "it was through before it could be killed"
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait(60)
    again = stack.inv("deploy.all")
    assert again.returncode == 0, again.stdout[-3000:] + again.stderr[-3000:]
    second = stack.inv("deploy.all", "--json")
    assert second.returncode == 0
    assert not [line for line in second.stdout.splitlines() if '"changed"' in line], second.stdout
    assert stack.inv("plan").returncode == 0


def test_the_tests_of_a_gateway_are_green_on_it(stack: Stack) -> None:
    done = stack.inv("test.all")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_names_resolve_on_the_private_network_as_on_fly(stack: Stack) -> None:
    """Both families, as far as the engine has them; asked inside the edge."""
    script = (
        "import socket\n"
        "for group in ('gateway', 'ui', 'edge', 'redis'):\n"
        "    rows = socket.getaddrinfo(f'{group}.process.hotdash-llm-gateway.internal', 80, type=socket.SOCK_STREAM)\n"
        "    print(group, len({row[4][0] for row in rows if row[0] == socket.AF_INET}),"
        " len({row[4][0] for row in rows if row[0] == socket.AF_INET6}))\n"
    )
    words = ("exec", f"{stack.name}-edge-1", "/opt/venv/bin/python", "-c", script)
    rows = [line.split() for line in stack.engine.run("resolving", *words).stdout.splitlines()]
    assert {group: int(four) for group, four, _ in rows} == {"gateway": 2, "ui": 1, "edge": 2, "redis": 1}
    network = stack.engine.json("looking", "network", "inspect", stack.name)[0]
    if network.get("ipv6_enabled"):
        assert [int(six) for _, _, six in rows] == [2, 1, 2, 1]


def test_no_secret_is_where_it_is_not_needed(stack: Stack) -> None:
    """Neither in another group's inspected environment, nor in any arguments, nor in an image."""
    vault = stack.vault
    for name in stack.names():
        row = stack.inspect(name)
        own = name.removeprefix(f"{stack.name}-").rpartition("-")[0] or name.removeprefix(f"{stack.name}-")
        shown = json.dumps(row)
        arguments = json.dumps([row["Config"]["Cmd"], row["Args"], row["Config"].get("CreateCommand"), row["Path"]])
        assert not [key for key, value in vault.items() if len(value) > 7 and value in arguments], name
        if own != "gateway" and not name.endswith("-openai"):
            assert not [key for key in GATEWAY_ONLY if vault[key] in shown], name
        if own in ("edge", "proxy") or name.endswith(("-proxy", "-postgres", "-redis")):
            assert not [key for key, value in vault.items() if len(value) > 7 and value in shown], name
    image = stack.inspect(f"{stack.name}-gateway-1")["Image"]
    history = stack.engine.run("reading", "history", "--no-trunc", image).stdout
    described = json.dumps(stack.engine.json("looking", "image", "inspect", image))
    assert not [key for key, value in vault.items() if len(value) > 7 and value in history + described]


def test_it_is_operated_as_machines_are(stack: Stack) -> None:
    rows = json.loads(stack.inv("deploy.status", "--json").stdout)["machines"]
    assert {row["group"] for row in rows} >= {"edge", "gateway", "ui", "worker", "clickhouse", "minio"}
    assert {row["health"] for row in rows} == {"healthy"}
    assert "uid=1001" in stack.inv("deploy.run", "id", "--group", "worker").stdout
    assert stack.inv("deploy.run", "exit 7").returncode == 7
    logs = stack.inv("deploy.logs", "--group", "gateway", "--lines", "50").stdout
    assert "self-test passed" in logs
    assert not [key for key, value in stack.vault.items() if len(value) > 7 and value in logs]
    scaled = stack.inv("deploy.scale", "--group", "worker", "--count", "2", "--yes")
    assert scaled.returncode == 0, scaled.stderr
    assert f"{stack.name}-worker-2" in stack.names()
    assert stack.inv("plan").returncode == 0
    stack.inv("deploy.scale", "--group", "worker", "--count", "1", "--yes")
    assert f"{stack.name}-worker-2" not in stack.names()


def test_every_group_is_replaced_under_load_without_a_failed_request(stack: Stack) -> None:
    """20 a second, over TLS, while a rollback puts another image under all of it; and the next deploy keeps it."""
    present = stack.inspect(f"{stack.name}-gateway-1")["Config"]["Image"]
    other = f"localhost/{stack.name}-gateway:other"
    stack.engine.run("naming", "tag", present, other)
    load = Load(stack)
    try:
        done = stack.inv("deploy.rollback", "--to", other, "--yes")
    finally:
        sent, failed = load.end()
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert not failed, failed[:3]
    assert sent > 100
    assert stack.inspect(f"{stack.name}-gateway-2")["Config"]["Image"] == other
    assert stack.inv("plan").returncode == 0


class Load:
    """Requests to the gateway until it is ended: 20 a second, one of them a chat with a question of its own."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.key = stack.vault["PROD_CUSTOMER_KEY"]
        self.sent = 0
        self.failed: list[str] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._go, args=(number,)) for number in range(4)]
        for thread in self.threads:
            thread.start()

    def _go(self, number: int) -> None:
        due, mine = time.monotonic() + number / 20, 0
        with self.stack.site() as site:
            while not self.over.wait(max(0.0, due - time.monotonic())):
                due += len(self.threads) / 20
                self.sent, mine = self.sent + 1, mine + 1
                try:
                    reply = self._ask(site, chat=number == 0 and mine % 5 == 0)
                    if reply.status_code != 200:
                        self.failed.append(f"{reply.status_code} {reply.text[:200]}")
                except Exception as error:
                    self.failed.append(str(error))

    def _ask(self, site: Site, *, chat: bool) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.key}"}
        if not chat:
            return site.request("GET", "/v1/models", headers=headers)
        question = {"role": "user", "content": f"What is {self.sent} plus one?"}
        body = {"model": "gpt-4o-mini", "messages": [question]}
        return site.request("POST", "/v1/chat/completions", headers=headers, json=body)

    def end(self) -> tuple[int, list[str]]:
        """How many were sent, and what failed."""
        self.over.set()
        for thread in self.threads:
            thread.join(120)
        return self.sent, self.failed


def test_destroyed_it_leaves_nothing_behind(stack: Stack) -> None:
    """Last in this file. No container, network, volume or image; another name than its own destroys nothing."""
    refused = stack.inv("deploy.destroy", "--name", "another")
    assert refused.returncode == 3
    assert stack.names()
    done = stack.inv("deploy.destroy", "--name", stack.name)
    assert done.returncode == 0, done.stderr
    assert not stack.names()
    for kind in ("network", "volume"):
        said = stack.engine.run("listing", kind, "ls", "--format", "{{.Name}}").stdout.split()
        assert not [name for name in said if name.startswith(stack.name)], kind
    images = stack.engine.run("listing", "images", "--format", "{{.Repository}}").stdout.split()
    assert not [name for name in images if f"/{stack.name}-" in name]
    assert not nameless(stack.engine) - stack.before
    left = [path.name for path in stack.state.iterdir()]
    assert not {"vault.json", "secrets", "files", "env", "ports.json"} & set(left), left
