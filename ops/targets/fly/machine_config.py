"""The machine config that `flyctl deploy` makes of a fly.toml for one process group.

Read in superfly/flyctl v0.4.87, internal/appconfig (Flatten, ToMachineConfig); the conformance suite deploys with the
real one and compares. Image, metadata and the id of a volume are not in the file, so they are not here either. A
table or key that is not translated is an error: nothing in the file may go uncompared.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from ops.runbook.errors import RunbookError

Json = dict[str, Any]

ONLY_GROUP = "app"  # what flyctl calls the one group of an app that names none

# What of a fly.toml decides how a deploy goes, not what a machine is.
_NO_MACHINE = frozenset({"app", "build", "deploy", "console_command"})
_AUTOSTOP = {"off": False, "false": False, "stop": True, "true": True, "suspend": "suspend"}
_RESTART = {"always": "always", "on-failure": "on-failure", "never": "no"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PER_CPU_MB = {"shared": 256, "performance": 2048}
_CHECK = {
    "type": "type",
    "port": "port",
    "interval": "interval",
    "timeout": "timeout",
    "grace_period": "grace_period",
    "method": "method",
    "path": "path",
    "protocol": "protocol",
    "tls_skip_verify": "tls_skip_verify",
    "tls_server_name": "tls_server_name",
}
_SERVICE = {
    "protocol": "protocol",
    "internal_port": "internal_port",
    "ports": "ports",
    "concurrency": "concurrency",
    "auto_start_machines": "autostart",
    "min_machines_running": "min_machines_running",
}


def of_group(toml: Mapping[str, Any], group: str) -> Json:
    """The config of a group's machines.

    Args:
        toml: a parsed fly.toml.
        group: one of its process groups.

    Raises:
        RunbookError: FLY-053 the file holds something that this does not translate.
    """
    left = {key: value for key, value in toml.items() if key not in _NO_MACHINE}
    commands: Mapping[str, str] = left.pop("processes", {})
    region = left.pop("primary_region", "")
    dedication = left.pop("host_dedication_id", "")
    made: Json = {
        "env": {
            **{str(name): str(value) for name, value in left.pop("env", {}).items()},
            "FLY_PROCESS_GROUP": group,
            **({"PRIMARY_REGION": region} if region else {}),
        },
        "init": _init(left, commands.get(group, "")),
    }
    default = ONLY_GROUP if ONLY_GROUP in commands or not commands else min(commands)

    def own(section: str) -> list[Json]:
        found = left.pop(section, [])
        tables = found if isinstance(found, list) else [found]
        return [_without(table, "processes") for table in tables if group in (table.get("processes") or [default])]

    services = [_service(table) for table in [*_http_services(own("http_service")), *own("services")]]
    checks = left.pop("checks", {})
    own_checks = {
        name: _check(_without(table, "processes"), upper=True)
        for name, table in checks.items()
        if group in (table.get("processes") or [default])
    }
    mounts, metrics = [_mount(table) for table in own("mounts")], own("metrics")
    restarts = [_restart(table) for table in own("restart")]
    patience = left.pop("kill_timeout", None)
    stop = {
        "timeout": f"{patience}s" if isinstance(patience, int) else patience,
        "signal": left.pop("kill_signal", None),
    }
    guest = _guest(left.pop("vm", []), group, dedication)
    statics = left.pop("statics", [])
    made |= {
        "guest": guest,
        "services": services,
        "checks": own_checks,
        "mounts": mounts,
        "metrics": metrics[0] if metrics else {},
        "restart": restarts[-1] if restarts else {},
        "stop_config": {key: value for key, value in stop.items() if value is not None},
        "statics": statics,
    }
    if left:
        raise _untranslated(*left)
    return {key: value for key, value in made.items() if value or key == "init"}


def seconds(value: Any) -> float | None:
    """A duration in seconds: Go's text, or a number of nanoseconds; None where it is neither."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value / 1e9
    text = str(value)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + letters for number, letters in parts) != text:
        return None
    return sum(float(number) * _SECONDS[letters] for number, letters in parts)


def megabytes(text: str) -> int:
    """``2048mb``, ``2gb`` or a bare number of megabytes, in MB. Raises RunbookError FLY-053 for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?)(?:i?b)?\s*", text.lower())
    if match is None:
        raise RunbookError("FLY-053", f"fly.toml: {text!r} is no size", next="inv build.all")
    factor = {"": 1.0, "k": 1 / 1024, "m": 1.0, "g": 1024.0}[match[2]]
    return int(float(match[1]) * factor)


def _init(left: Json, command: str) -> Json:
    experimental = left.pop("experimental", {})
    unknown = set(experimental) - {"cmd", "entrypoint", "exec"}
    if unknown:
        raise _untranslated(*(f"experimental.{key}" for key in sorted(unknown)))
    made = {
        "cmd": shlex.split(command) or experimental.get("cmd"),
        "entrypoint": experimental.get("entrypoint"),
        "exec": experimental.get("exec"),
        "swap_size_mb": left.pop("swap_size_mb", None),
    }
    return {key: value for key, value in made.items() if value}


def _http_services(tables: list[Json]) -> list[Json]:
    """An [http_service] as the [[services]] it stands for."""
    made = []
    for table in tables:
        table = dict(table)
        options = {"http_options": table.pop("http_options")} if "http_options" in table else {}
        tls = {"tls_options": table.pop("tls_options")} if "tls_options" in table else {}
        force = {"force_https": True} if table.pop("force_https", False) else {}
        ports = [
            {"port": 80, "handlers": ["http"], **force, **options},
            {"port": 443, "handlers": ["http", "tls"], **options, **tls},
        ]
        checks = table.pop("checks", [])
        made.append({"protocol": "tcp", "ports": ports, **table, "http_checks": checks})
    return made


def _service(table: Json) -> Json:
    table = dict(table)
    tcp, http = table.pop("tcp_checks", []), table.pop("http_checks", [])
    stop = table.pop("auto_stop_machines", None)
    made = _renamed(table, _SERVICE, "services")
    if stop is not None:
        made["autostop"] = _AUTOSTOP.get(str(stop).lower(), stop)
    made["checks"] = [{"type": "tcp", **_check(check)} for check in tcp]
    made["checks"] += [{"type": "http", **_check(check)} for check in http]
    return {key: value for key, value in made.items() if value not in ([], None)}


def _check(table: Json, *, upper: bool = False) -> Json:
    table = dict(table)
    headers = table.pop("headers", {})
    made = _renamed(table, _CHECK, "checks")
    for key in ("interval", "timeout", "grace_period"):
        if isinstance(made.get(key), int):
            made[key] = f"{made[key]}ms"
    if upper and "method" in made:
        made["method"] = str(made["method"]).upper()
    if headers:
        made["headers"] = [{"name": name, "values": [value]} for name, value in headers.items()]
    return made


def _mount(table: Json) -> Json:
    table = dict(table)
    # What a volume is made with, and how it is kept: the volume's, not the machine's.
    for key in ("initial_size", "snapshot_retention", "scheduled_snapshots"):
        table.pop(key, None)
    sizes = {"auto_extend_size_increment": "add_size_gb", "auto_extend_size_limit": "size_gb_limit"}
    extend = {name: int(megabytes(str(table.pop(key))) / 1024) for key, name in sizes.items() if key in table}
    names = {"source": "name", "destination": "path", "auto_extend_size_threshold": "extend_threshold_percent"}
    return {**_renamed(table, names, "mounts"), **extend}


def _restart(table: Json) -> Json:
    made = _renamed(table, {"policy": "policy", "retries": "max_retries"}, "restart")
    return {**made, "policy": _RESTART.get(str(made.get("policy")), made.get("policy"))}


def _guest(tables: list[Json], group: str, dedication: str) -> Json:
    named = [table for table in tables if group in table.get("processes", [])]
    unnamed = [table for table in tables if not table.get("processes")]
    if not (named or unnamed):
        return {}
    table = _without((named or unnamed)[0], "processes")
    match = re.fullmatch(r"(shared|performance)-(?:cpu-)?(\d+)x", str(table.pop("size", "shared-cpu-1x")))
    if match is None:
        raise _untranslated("vm.size")
    kind, cpus = match[1], int(match[2])
    made: Json = {"cpu_kind": kind, "cpus": cpus, "memory_mb": cpus * _PER_CPU_MB[kind]}
    if "memory" in table:
        made["memory_mb"] = megabytes(str(table.pop("memory")))
    dedication = table.pop("host_dedication_id", dedication)
    keys = {key: key for key in ("cpu_kind", "cpus", "memory_mb", "kernel_args", "gpu_kind", "gpus", "persist_rootfs")}
    made |= _renamed(table, keys, "vm")
    return made | ({"host_dedication_id": dedication} if dedication else {})


def _without(table: Json, key: str) -> Json:
    return {name: value for name, value in table.items() if name != key}


def _renamed(table: Json, names: Mapping[str, str], section: str) -> Json:
    unknown = [key for key in table if key not in names]
    if unknown:
        raise _untranslated(*(f"{section}.{key}" for key in unknown))
    return {names[key]: value for key, value in table.items()}


def _untranslated(*keys: str) -> RunbookError:
    return RunbookError(
        "FLY-053",
        f"fly.toml sets {', '.join(keys)}, which the runbook cannot compare with what runs",
        why="what is not compared could drift unseen",
        next="take it out of the template, or teach ops/targets/fly/machine_config.py what flyctl makes of it",
    )
