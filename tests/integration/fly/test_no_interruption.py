"""Nobody notices a deploy: 20 requests a second through the rendered edge while every group is replaced.

Real: Caddy with production's rendering, DNS over the wire, processes that start late and drain, signals. Simulated: the
machines of a group (small HTTP servers), Fly's DNS (a server on loopback that names started machines, and IPv4 where
Fly has IPv6) and Fly's proxy (picks an edge whose check passes, and another one where the connection is refused).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from ops.description.paths import ROOT
from ops.description.stack import Stack
from ops.render import caddyfile
from ops.render.processes import STOP_DELAY_S
from tests.render.support import stack
from tests.targets.fly.support import DnsServer

CADDY = shutil.which("caddy", path=f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}")
pytestmark = [pytest.mark.skipif(CADDY is None, reason="Caddy is not on this machine"), pytest.mark.timeout(300)]
STUB = Path(__file__).with_name("machine_stub.py")
LEAVE = ROOT / "fly" / "hotdash-llm-gateway" / "bin" / "leave-slowly.sh"
A_SECOND = 20
EDGES = ("127.0.3.1", "127.0.3.2")


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def await_(done: Callable[[], bool], what: str, limit: float = 40.0) -> None:
    end = time.monotonic() + limit
    while not done():
        assert time.monotonic() < end, f"waited {limit:.0f} s for {what}"
        time.sleep(0.02)


def get(host: str, port: int, path: str, name: str = "") -> int:
    """Status of a GET, 0 where nobody answers."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path, headers={"Host": name or host})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


class Group:
    """The machines of one process group: one port, an address each, in DNS from start to stop."""

    def __init__(self, dns: DnsServer, name: str, subnet: int, count: int) -> None:
        self.dns, self.name = dns, f"{name}.process.hotdash-llm-gateway.internal"
        self.hosts = [f"127.0.{subnet}.{number + 1}" for number in range(count)]
        self.port = free_port(self.hosts[0])
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.dns.records[self.name] = lambda: sorted(self.running)

    def start(self, host: str, boots_s: float = 0.0) -> None:
        program = [sys.executable, str(STUB), host, str(self.port), str(boots_s), host]
        self.running[host] = subprocess.Popen([str(LEAVE), str(STOP_DELAY_S), *program], start_new_session=True)

    def healthy(self, host: str) -> bool:
        return get(host, self.port, "/") == 200

    def stop(self, host: str) -> None:
        """Out of DNS, SIGTERM, and until it has ended, by the very script that production's groups are started with."""
        child = self.running.pop(host)
        child.terminate()
        assert child.wait(40) == 0

    def replace(self, away_s: float) -> None:
        """One machine after the other: stopped, away for a while, started, and healthy before the next."""
        for host in self.hosts:
            self.stop(host)
            time.sleep(away_s / 2)
            self.start(host, boots_s=away_s / 2)
            await_(lambda host=host: self.healthy(host), f"{host} to be healthy")

    def scale(self, count: int) -> None:
        """As many machines: new ones are healthy before it goes on, others are stopped as in a deploy."""
        subnet = self.hosts[0].rpartition(".")[0]
        for number in range(len(self.hosts), count):
            host = f"{subnet}.{number + 1}"
            self.start(host)
            await_(lambda host=host: self.healthy(host), f"{host} to be healthy")
            self.hosts.append(host)
        while len(self.hosts) > count:
            self.stop(self.hosts.pop())

    def end(self) -> None:
        for child in self.running.values():
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


class Edge:
    """One edge machine: Caddy with production's Caddyfile, its ports and resolver moved to this machine's.

    `ports`: where the groups really listen, by the port that is rendered for them.
    """

    def __init__(
        self, folder: Path, host: str, port: int, dns: DnsServer, ports: Mapping[int, int], described: Stack
    ) -> None:
        text = caddyfile(described)
        for rendered, own in ports.items():
            assert f"port {rendered}\n" in text
            text = text.replace(f"port {rendered}\n", f"port {own}\n")
        text = text.replace("refresh 2s\n", f"refresh 2s\n\t\t\tresolvers {dns.address}\n")
        text = text.replace("versions ipv6", "versions ipv4").replace(f":{described.ports.edge}", f":{port}")
        text = text.replace("admin off", f"admin off\n\tdefault_bind {host}", 1)
        self.host, self.port = host, port
        self.file = folder / f"Caddyfile-{host}"
        self.file.write_text(text)
        self.child: subprocess.Popen[bytes] | None = None
        self.log = (folder / f"caddy-{host}.log").open("wb")

    def start(self) -> None:
        words = [str(CADDY), "run", "--config", str(self.file), "--adapter", "caddyfile"]
        environ = {**os.environ, "XDG_DATA_HOME": str(self.file.parent), "XDG_CONFIG_HOME": str(self.file.parent)}
        self.child = subprocess.Popen(words, stdout=self.log, stderr=self.log, env=environ)
        await_(lambda: self.check() == 200, "Caddy to serve")

    def check(self) -> int:
        """Fly's own check."""
        return get(self.host, self.port, "/edge/health")

    def stop(self) -> None:
        assert self.child is not None
        self.child.terminate()
        assert self.child.wait(60) == 0
        self.child = None

    def end(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()
        self.log.close()


class Traffic:
    """Requests at a steady rate, as Fly's proxy passes them on; `failed` says what went wrong."""

    def __init__(self, edges: list[Edge], host: str, path: str) -> None:
        self.edges, self.host, self.path = edges, host, path
        self.in_service = [edge.host for edge in edges]
        self.failed: list[str] = []
        self.slowest = 0.0
        self.by: set[str] = set()
        self.sent = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._watch)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _watch(self) -> None:
        """The proxy's checks: as often as fly.toml says, here every second."""
        while not self._stop.wait(1.0):
            self.in_service = [edge.host for edge in self.edges if edge.check() == 200] or self.in_service

    def _send(self) -> None:
        under_way = []
        start = time.monotonic()
        while not self._stop.is_set():
            thread = threading.Thread(target=self._one, args=(self.sent,), daemon=True)
            thread.start()
            under_way.append(thread)
            self.sent += 1
            self._stop.wait(max(0.0, start + self.sent / A_SECOND - time.monotonic()))
        for thread in under_way:
            thread.join(60)

    def _one(self, number: int) -> None:
        begun = time.monotonic()
        hosts = list(self.in_service)
        hosts = hosts[number % len(hosts) :] + hosts[: number % len(hosts)]
        said = "refused by every edge"
        for host in hosts:
            connection = http.client.HTTPConnection(host, self.edges[0].port, timeout=45)
            try:
                connection.connect()
            except OSError:
                continue  # as Fly's proxy does: another machine
            try:
                connection.request("POST", self.path, body=b"{}" * 200, headers={"Host": self.host})
                reply = connection.getresponse()
                body = reply.read().decode()
                said = "" if reply.status == 200 else f"{reply.status} {body[:80]}"
                self.by.add(body)
            except (OSError, http.client.HTTPException) as error:
                said = f"{type(error).__name__}: {error}"
            finally:
                connection.close()
            break
        took = time.monotonic() - begun
        self.slowest = max(self.slowest, took)
        if said:
            self.failed.append(f"request {number}, {took:.1f} s: {said}")


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    made = DnsServer()
    yield made
    made.stop()


@contextlib.contextmanager
def standing(folder: Path, dns: DnsServer, count: int) -> Iterator[tuple[Group, Group, list[Edge], Stack]]:
    """A gateway and a UI group of `count` machines each behind two edges."""
    described = stack()
    gateway, ui = Group(dns, "gateway", 1, count), Group(dns, "ui", 2, count)
    ports = {described.ports.gateway: gateway.port, described.ports.ui: ui.port}
    port = free_port(EDGES[0])
    edges = [Edge(folder, host, port, dns, ports, described) for host in EDGES]
    with contextlib.ExitStack() as cleanup:
        for part in (gateway, ui, *edges):
            cleanup.callback(part.end)
        for group in (gateway, ui):
            for host in group.hosts:
                group.start(host)
            await_(lambda group=group: all(map(group.healthy, group.hosts)), "the group to be healthy")
        for edge in edges:
            edge.start()
        yield gateway, ui, edges, described


def test_f8_no_request_fails_while_every_group_is_replaced(tmp_path: Path, dns: DnsServer) -> None:
    """F8 and its neighbours: gateway, UI and edge, two machines each, rolling, 4 s away each."""
    with standing(tmp_path, dns, 2) as (gateway, ui, edges, described):
        domains = described.domains
        api = Traffic(edges, domains.gateway, "/v1/chat/completions")
        web = Traffic(edges, domains.langfuse, "/api/public/ingestion")
        with api, web:
            for group in (gateway, ui):
                group.replace(away_s=4.0)
            for edge in edges:
                edge.stop()
                edge.start()
                await_(lambda edge=edge: edge.host in api.in_service, "the proxy to use it")
    for traffic in (api, web):
        assert traffic.failed == []
        assert traffic.sent > 20 * A_SECOND
        assert traffic.slowest < 10, "two machines: nobody waits for the one that is away"
    assert api.by == set(gateway.hosts)


def test_f8_requests_wait_for_the_only_machine_of_a_group(tmp_path: Path, dns: DnsServer) -> None:
    """F8: a gateway machine away 12 s with count 1; every request was a 503 after 5 s."""
    with standing(tmp_path, dns, 1) as (gateway, _, edges, described):
        api = Traffic(edges, described.domains.gateway, "/v1/chat/completions")
        with api:
            await_(lambda: api.sent > A_SECOND, "traffic")
            gateway.replace(away_s=12.0)
            sent = api.sent
            await_(lambda: api.sent > sent + A_SECOND, "traffic afterwards")
    assert api.failed == []


def test_an_edge_asked_to_stop_fails_its_check_and_goes_on_serving(tmp_path: Path, dns: DnsServer) -> None:
    with standing(tmp_path, dns, 1) as (_, _, edges, described):
        edge = edges[0]
        assert edge.child is not None
        edge.child.terminate()
        await_(lambda: edge.check() == 503, "the check to fail", limit=5)
        assert get(edge.host, edge.port, "/health/readiness", described.domains.gateway) == 200
        assert edge.child.wait(60) == 0
        edge.child = None
