"""Rules for our fly.toml files that flyctl does not know."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ops.validate.fly_schema import unknown_keys

if TYPE_CHECKING:
    from ops.description.stack import Stack

PUBLIC_GROUP = "edge"
_SECRET_NAME = re.compile(r"(^|_)(KEY|PASSWORD|SECRET|TOKEN|SALT|DATABASE_URL|DIRECT_URL|REDIS_URL)$")
_URL_WITH_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]+@")
_SHARED_CPU_MAX_MB = 2048


def gateway(text: str, stack: Stack) -> list[str]:
    """What is wrong with the gateway app's fly.toml; empty when nothing."""
    data, faults = _common(text, stack.fly.app)
    if data is None:
        return faults
    groups = tuple(data.get("processes", {}))
    ports = {
        "edge": stack.ports.edge,
        "gateway": stack.ports.gateway,
        "ui": stack.ports.ui,
        "worker": stack.ports.worker,
    }
    # The watch listens nowhere.
    wanted = {*ports, *(("watch",) if stack.watch.on else ())}
    if set(groups) != wanted:
        faults.append(f"processes: {', '.join(sorted(groups))} instead of {', '.join(sorted(wanted))}")
    faults += _processes(data, groups)
    faults += _services(data, groups)
    for group, port in ports.items():
        for where, used in _internal_ports(data, group):
            if used != port:
                faults.append(f"{where}: port {used}, but the stack says {port} for {group}")
        if not any(_internal_ports(data, group)):
            faults.append(f"{group}: neither a service nor a check")
    return faults


def private(text: str, app: str) -> list[str]:
    """What is wrong with the fly.toml of an app that holds data: one volume, nothing public."""
    data, faults = _common(text, app)
    if data is None:
        return faults
    groups = tuple(data.get("processes", {})) or ("app",)
    for key in ("services", "http_service"):
        if key in data:
            faults.append(f"{key}: this app must not be reachable from the internet")
    if len(data.get("mounts", [])) != 1:
        faults.append("mounts: exactly one volume is needed")
    if not data.get("checks"):
        faults.append("checks: without any, deployed means merely started")
    if len(groups) != 1:
        faults.append("processes: a volume belongs to one machine")
    return [*faults, *_processes(data, groups)]


def _common(text: str, app: str) -> tuple[dict[str, Any] | None, list[str]]:
    """Rules for every fly.toml, and its content unless it cannot be read."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return None, [f"not TOML: {error}"]
    faults = [f"{key}: there is no such key" for key in unknown_keys(data)]
    if data.get("app") != app:
        faults.append(f"app: {data.get('app')!r}, but the stack says {app!r}")
    if not 0 < data.get("kill_timeout", 5) <= 300:
        faults.append("kill_timeout: 1 to 300 seconds")
    faults += _environment(data.get("env", {}))
    faults += _sizes(data)
    return data, faults


def _environment(env: dict[str, Any]) -> Iterator[str]:
    for name, value in env.items():
        if not isinstance(value, str):
            yield f"env.{name}: text is needed"
        elif _SECRET_NAME.search(name) or _URL_WITH_PASSWORD.search(value):
            yield f"env.{name}: looks like a secret; those go through inv deploy.secrets"


def _sizes(data: dict[str, Any]) -> Iterator[str]:
    for vm in data.get("vm", []):
        match = re.fullmatch(r"(\d+)mb", str(vm.get("memory", "")))
        megabytes = int(match[1]) if match else 0
        name = ", ".join(vm.get("processes", ["vm"]))
        if megabytes < 256 or megabytes % 256:
            yield f"vm {name}: memory is a multiple of 256 MB, not {vm.get('memory')!r}"
        elif vm.get("cpu_kind") == "shared" and megabytes > _SHARED_CPU_MAX_MB * vm.get("cpus", 1):
            yield f"vm {name}: {megabytes} MB is more than {_SHARED_CPU_MAX_MB} MB for each shared CPU"


def _processes(data: dict[str, Any], groups: tuple[str, ...]) -> Iterator[str]:
    """Every group is sized and restarted, and nobody names a group that is not there."""
    for key in ("vm", "restart"):
        counts: dict[str, int] = defaultdict(int)
        for table in data.get(key, []):
            for group in table.get("processes", groups if len(groups) == 1 else ()):
                counts[group] += 1
        for group in groups:
            if counts[group] != 1:
                yield f"{key}: {counts[group]} for {group}, one is needed"
    for table in data.get("restart", []):
        if table.get("policy") != "always":
            yield "restart: a process that ends cleanly would stay down, the policy must be always"
    tables = [(f"checks.{name}", check) for name, check in data.get("checks", {}).items()]
    for key in ("services", "mounts", "vm", "restart"):
        tables += [(key, table) for table in data.get(key, [])]
    for where, table in tables:
        for group in table.get("processes", []):
            if group not in groups:
                yield f"{where}: there is no group {group!r}"
        if "processes" not in table and len(groups) > 1:
            yield f"{where}: which group is it for? flyctl would take the first"


def _services(data: dict[str, Any], groups: tuple[str, ...]) -> Iterator[str]:
    """Only the edge is public, and no external port is served by two groups: Fly's proxy would mix them up."""
    owners: dict[int, set[str]] = defaultdict(set)
    services = [*data.get("services", []), *([data["http_service"]] if "http_service" in data else [])]
    for service in services:
        ports = service.get("ports", [{"port": 80}, {"port": 443}])
        for group in service.get("processes", groups):
            if group != PUBLIC_GROUP:
                yield f"services: {group} must not be public, only {PUBLIC_GROUP} is"
            for port in ports:
                first = port.get("port", port.get("start_port", 0))
                for number in range(first, port.get("end_port", first) + 1):
                    owners[number].add(group)
    for number, several in sorted(owners.items()):
        if len(several) > 1:
            yield f"services: external port {number} is served by {' and '.join(sorted(several))}"
    if not {80, 443} <= owners.keys():
        yield "services: nobody serves ports 80 and 443"


def _internal_ports(data: dict[str, Any], group: str) -> list[tuple[str, int]]:
    """Where, and on which port, a group is expected to listen."""
    return [
        *(("services", s.get("internal_port")) for s in data.get("services", []) if group in s.get("processes", [])),
        *((f"checks.{n}", c.get("port")) for n, c in data.get("checks", {}).items() if group in c.get("processes", [])),
    ]
