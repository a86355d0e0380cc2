"""The keys of a fly.toml, so that a misspelt one is found: flyctl itself passes over those inside tables.

Read in superfly/flyctl v0.4.87, internal/appconfig/config.go and its neighbours.
"""

from __future__ import annotations

from typing import Any

# A name → what may stand below it: None a value, a dict a table or each table of an array, "*" names of one's own.
_CHECK_TIMES: dict[str, Any] = {"interval": None, "timeout": None, "grace_period": None}
_HTTP_CHECK: dict[str, Any] = {
    **_CHECK_TIMES,
    "method": None,
    "path": None,
    "protocol": None,
    "tls_skip_verify": None,
    "tls_server_name": None,
    "headers": {"*": None},
}
_CONCURRENCY: dict[str, Any] = {"type": None, "soft_limit": None, "hard_limit": None}
_HTTP_OPTIONS: dict[str, Any] = {
    "compress": None,
    "h2_backend": None,
    "idle_timeout": None,
    "response": {"headers": {"*": None}, "pristine": None},
}
_TLS_OPTIONS: dict[str, Any] = {"alpn": None, "versions": None, "default_self_signed": None}
_AUTO: dict[str, Any] = {
    "processes": None,
    "internal_port": None,
    "auto_stop_machines": None,
    "auto_start_machines": None,
    "min_machines_running": None,
    "concurrency": _CONCURRENCY,
}

KEYS: dict[str, Any] = {
    "app": None,
    "primary_region": None,
    "kill_signal": None,
    "kill_timeout": None,
    "swap_size_mb": None,
    "console_command": None,
    "host_dedication_id": None,
    "build": {"dockerfile": None, "image": None, "args": {"*": None}, "build-target": None, "ignorefile": None},
    "deploy": {
        "strategy": None,
        "max_unavailable": None,
        "wait_timeout": None,
        "release_command": None,
        "release_command_timeout": None,
        "release_command_vm": {"size": None, "memory": None, "cpus": None, "cpu_kind": None},
    },
    "env": {"*": None},
    "processes": {"*": None},
    "experimental": {"entrypoint": None, "cmd": None, "exec": None},
    "http_service": {
        **_AUTO,
        "force_https": None,
        "checks": _HTTP_CHECK,
        "http_options": _HTTP_OPTIONS,
        "tls_options": _TLS_OPTIONS,
    },
    "services": {
        **_AUTO,
        "protocol": None,
        "ports": {
            "port": None,
            "start_port": None,
            "end_port": None,
            "handlers": None,
            "force_https": None,
            "http_options": _HTTP_OPTIONS,
            "tls_options": _TLS_OPTIONS,
        },
        "tcp_checks": _CHECK_TIMES,
        "http_checks": _HTTP_CHECK,
    },
    "checks": {"*": {**_HTTP_CHECK, "type": None, "port": None, "processes": None}},
    "mounts": {
        "source": None,
        "destination": None,
        "initial_size": None,
        "snapshot_retention": None,
        "scheduled_snapshots": None,
        "auto_extend_size_threshold": None,
        "auto_extend_size_increment": None,
        "auto_extend_size_limit": None,
        "processes": None,
    },
    "vm": {"size": None, "memory": None, "memory_mb": None, "cpus": None, "cpu_kind": None, "processes": None},
    "restart": {"policy": None, "retries": None, "processes": None},
    "metrics": {"port": None, "path": None, "processes": None},
    "files": {"guest_path": None, "local_path": None, "raw_value": None, "secret_name": None, "processes": None},
}


def unknown_keys(data: dict[str, Any], keys: dict[str, Any] | None = None, path: str = "") -> list[str]:
    """The dotted names in `data` that a fly.toml does not have."""
    known = KEYS if keys is None else keys
    result = []
    for name, value in data.items():
        here = f"{path}{name}"
        if name not in known and "*" not in known:
            result.append(here)
            continue
        below = known.get(name, known.get("*"))
        for table in value if isinstance(value, list) else [value]:
            if isinstance(table, dict) and isinstance(below, dict):
                result += unknown_keys(table, below, f"{here}.")
            elif isinstance(table, dict):
                result.append(here)
    return result
