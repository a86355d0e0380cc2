"""A simulated Fly account and a checkout of its own: everything `deploy.all --target fly` needs, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.description.paths import ROOT
from ops.phases.table import all_steps
from ops.runbook import run
from ops.runbook.run import Result
from ops.runbook.secret import Secret
from ops.runbook.step import Outcome, Say, Step
from ops.session import running as session
from ops.session.compose import compose
from ops.targets.deployment import Deployment
from ops.targets.fly.seen import Seen
from ops.targets.fly.storage import Bucket
from tests.flysim.machines import group_of
from tests.flysim.server import FlySim
from tests.targets.fly.edge_stub import EdgeStub

IMAGES = {
    "FLY_IMAGE": "registry.example.com/gateway:1",
    "FLY_IMAGE_CLICKHOUSE": "registry.example.com/clickhouse:1",
    "FLY_IMAGE_STORAGE": "registry.example.com/minio:1",
}
OPENAI_KEY = "sk-" + "t3st" * 8
STUB = Path(__file__).with_name("clickhouse_stub.py")
GATEWAY, CLICKHOUSE, MINIO = "hotdash-llm-gateway", "hotdash-langfuse-clickhouse", "hotdash-langfuse-minio"
HOSTS = ("gateway.hotrodan.com", "langfuse.hotrodan.com")


class DnsServer:
    """A tiny real DNS server on loopback: answers from `records`, NXDOMAIN for the rest.

    Attributes:
        records: a name's addresses, or what tells them when it is asked.
        aliases, texts: CNAME and TXT records.
    """

    def __init__(self) -> None:
        self.records: dict[str, list[str] | Callable[[], list[str]]] = {}
        self.aliases: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self._server = socketserver.ThreadingUDPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        records, aliases, texts = self.records, self.aliases, self.texts

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                import dns.message
                import dns.rcode
                import dns.rrset

                data, sock = self.request
                query = dns.message.from_wire(data)
                reply = dns.message.make_response(query)
                question = query.question[0]
                name = str(question.name).rstrip(".")
                kind = {1: "A", 28: "AAAA", 5: "CNAME", 16: "TXT"}.get(question.rdtype, "")
                kept = records.get(name, [])
                addresses = kept() if callable(kept) else kept
                mine = [a for a in addresses if kind in ("A", "AAAA") and (":" in a) == (kind == "AAAA")]
                mine += [f"{aliases[name]}."] if kind == "CNAME" and name in aliases else []
                mine += [f'"{texts[name]}"'] if kind == "TXT" and name in texts else []
                if not any(name in known for known in (records, aliases, texts)):
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                elif mine and kind:
                    reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *mine))
                sock.sendto(reply.to_wire(), self.client_address)

        return Handler


class Listener:
    """Keeps what steps say."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def begin(self, steps: Any) -> None:
        """Nothing to keep."""

    def started(self, step: Step[Any], doing: str) -> None:
        """Nothing to keep."""

    def said(self, step: Step[Any], text: str) -> None:
        self.lines.append(f"{step.number} {text}")

    def ended(self, step: Step[Any], outcome: Outcome) -> None:
        self.lines.append(f"{step.number} {outcome.status.value}: {outcome.evidence}")

    def finished(self, result: Result) -> None:
        """Nothing to keep."""


@dataclass
class Site:
    """One operator's checkout against one simulated account."""

    root: Path
    sim: FlySim
    dns: DnsServer
    environ: dict[str, str]
    edge: EdgeStub
    vault_seed: bool = False  # the vault holds the object store's administrator already

    def addresses(self) -> list[str]:
        """The gateway app's, as they are now."""
        app = self.sim.state.apps.get(GATEWAY)
        return [ip["address"] for ip in app["ips"]] if app else []

    def follow_dns(self) -> None:
        """Both names have the records they need, whatever the app's addresses are."""
        self.dns.records.update(dict.fromkeys(HOSTS, self.addresses))

    def deployment(self, **more: str) -> Deployment:
        """A fresh deployment, as each command makes one."""
        return compose("fly", {**self.environ, **more}, self.root)

    def deploy(self, *, keys: tuple[str, ...] = (), phases: tuple[int, ...] = (1, 2, 3), **more: str) -> Deployed:
        """What `inv deploy.all --target fly` runs: phases 1 to 3; or the steps named."""
        deployment = self.deployment(**more)
        steps = all_steps(deployment)
        wanted = keys or tuple(key for key, step in steps.items() if step.phase in phases)
        observer = Listener()
        traces: list[str] = []
        with deployment.target.exclusive():  # type: ignore[attr-defined]
            chosen = run.with_needs(steps, wanted)
            looked_at = session.only_looked_at(chosen, wanted)
            result = run.run(chosen, deployment, [observer], brought_by=looked_at, crash_log=traces.append)
        return Deployed(result, observer.lines, traces)

    def plan(self, **more: str) -> dict[str, Any]:
        """What `inv plan --target fly` says, by step."""
        from ops.runbook import plan

        deployment = self.deployment(**more)
        steps = all_steps(deployment)
        chosen = run.with_needs(steps, [key for key, step in steps.items() if step.phase in (1, 2, 3)])
        return {planned.key: planned for planned in plan.make(chosen, deployment).steps}

    @property
    def memory(self) -> Path:
        return self.root / ".state" / "fly" / "fly.json"


@dataclass
class Deployed:
    """How a deploy went."""

    result: Result
    lines: list[str]
    traces: list[str]

    @property
    def ok(self) -> bool:
        return self.result.exit_code == 0

    def changed(self) -> set[str]:
        from ops.runbook.step import Status

        return {key for key, outcome in self.result.outcomes.items() if outcome.status is Status.CHANGED}

    def troubles(self) -> str:
        """What went wrong, for an assertion's message."""
        bad = [
            f"{key}: {o.status.value} {o.code} {o.evidence} | {o.why} | {o.next} | {o.diff}"
            for key, o in self.result.outcomes.items()
            if not o.good
        ]
        return "\n".join([*bad, *self.traces])


@contextmanager
def site(
    folder: Path,
    binary: Path,
    postgres_url: Secret,
    *,
    pooled_url: Secret | None = None,
    minio: tuple[str, str, str] | None = None,
    latency_ms: float = 0.0,
) -> Iterator[Site]:
    """An empty simulated account, a checkout, a DNS server whose records are right once the app has addresses.

    Args:
        postgres_url: stands for Supabase's direct connection.
        pooled_url: for its pooler; the same server where none is given.
        minio: address, administrator and password of a real MinIO that stands for the app's machine.
    """
    root = folder / "checkout"
    shutil.copytree(ROOT / "fly", root / "fly", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "docs" / "runbooks").mkdir(parents=True)
    dns = DnsServer()
    with FlySim(latency_ms=latency_ms) as sim:
        for ref in IMAGES.values():
            sim.state.add_image(ref)
        sim.v1.execute = clickhouse(folder)
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RUNBOOK_STACK": str(ROOT / "ops" / "stack.toml"),
            "FLYCTL": str(binary),
            "OPENAI_API_KEY": OPENAI_KEY,
            "SUPABASE_DIRECT_URL": f"{postgres_url.reveal()}?sslmode=disable",
            "SUPABASE_POOLED_URL": f"{(pooled_url or postgres_url).reveal()}?sslmode=disable",
            "RUNBOOK_DNS_RESOLVER": dns.address,
            "RUNBOOK_DNS_WAIT_S": "2",
            "RUNBOOK_HEALTH_WAIT_S": "8",
            **IMAGES,
            **sim.environment,
        }
        edge = EdgeStub(folder, HOSTS, lambda: edge_runs(sim))
        environ |= {"RUNBOOK_FLY_EDGE": edge.address, "RUNBOOK_FLY_EDGE_CA": str(edge.ca)}
        made = Site(root, sim, dns, environ, edge)
        if minio is not None:
            address, user, password = minio
            environ["RUNBOOK_FLY_REACH"] = f"{MINIO}.internal:9000={address}"
            vault = made.deployment().vault
            vault.put({"MINIO_ROOT_USER": Secret(user), "MINIO_ROOT_PASSWORD": Secret(password)}, origin="generated")
            made.vault_seed = True
        made.follow_dns()
        with ExitStack() as stack:
            stack.callback(dns.stop)
            stack.callback(edge.stop)
            if minio is None:
                stack.enter_context(no_bucket())
            yield made


def edge_runs(sim: FlySim) -> bool:
    """Whether Fly's proxy has a machine to send a request to."""
    with sim.lock:
        app = sim.state.apps.get(GATEWAY, {"machines": {}})
        machines = [m for m in app["machines"].values() if group_of(m) == "edge" and not m["stopped"]]
        return any(m["config"].get("services") and not m["cordoned"] for m in machines)


@contextmanager
def no_bucket() -> Iterator[None]:
    """Where there is no MinIO: its inside is taken for made."""

    def act(bucket: Bucket, deployment: Deployment, machine: Seen, volume: str, say: Say) -> None:
        bucket.account.memory.put("contents", deployment.stack.storage.app, {"mark": bucket._mark(deployment, volume)})

    before = Bucket.act
    Bucket.act = act  # type: ignore[method-assign]
    try:
        yield
    finally:
        Bucket.act = before  # type: ignore[method-assign]


def clickhouse(folder: Path) -> Any:
    """What `machine exec` does in the simulation: the script runs here, with the machine's variables and a stub
    for ClickHouse's client."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    client = tools / "clickhouse-client"
    client.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STUB}" "$@"\n')
    client.chmod(0o755)

    def execute(app: Mapping[str, Any], machine: Mapping[str, Any], command: str) -> tuple[int, str, str]:
        import shlex

        env = {name: kept["value"] for name, kept in app["secrets"].items()}
        env |= {"PATH": f"{tools}:{os.environ['PATH']}", "CLICKHOUSE_STUB_STATE": str(folder / "clickhouse.json")}
        done = subprocess.run(shlex.split(command), env=env, capture_output=True, text=True, timeout=20, check=False)
        return done.returncode, done.stdout, done.stderr

    return execute


def described(sim: FlySim) -> dict[str, Any]:
    """What is there, without ids and times: two runs that end alike compare equal."""
    apps = {}
    for name, app in sim.state.apps.items():
        apps[name] = {
            "secrets": sorted(app["secrets"]),
            "machines": sorted((group_of(m), m["image_ref"]["digest"]) for m in app["machines"].values()),
            "volumes": sorted((v["name"], v["size_gb"]) for v in app["volumes"].values()),
            "ips": sorted(ip["type"] for ip in app["ips"]),
            "certificates": sorted(app["certificates"]),
        }
    redis = {name: (a["plan"], a["options"], a["region"]) for name, a in sim.state.addons.items()}
    return json.loads(json.dumps({"apps": apps, "redis": redis}))  # type: ignore[no-any-return]
