"""The double is held to what the real flyctl was recorded doing: its changing calls, and the shape of its JSON.

`FLYCTL_RECORD=1 pytest tests/conformance/test_flyctl_recorded.py -k real` makes the recording anew.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ops.runbook.secret import Secret
from ops.services.fly import Deploy, Fly
from tests.conformance.conftest import IMAGE, NEXT_IMAGE, TOML_WITH_VOLUME
from tests.flysim import binaries
from tests.flysim.server import FlySim

RECORDING = Path(__file__).with_name("recorded.json")
_ID = re.compile(r"/(?:[0-9a-f]{14}|[0-9a-f]{24}|vol_[0-9a-f]+)(?=/|$)")

JSON_COMMANDS = (
    ("auth", "whoami"),
    ("orgs", "list"),
    ("apps", "list", "-o", "personal"),
    ("secrets", "list", "-a", "one"),
    ("volumes", "list", "-a", "one"),
    ("ips", "list", "-a", "one"),
    ("status", "-a", "one"),
    ("releases", "-a", "one"),
    ("machines", "list", "-a", "one"),
    ("scale", "show", "-a", "one"),
)


def steps(fly: Fly, sim: FlySim, toml: Path) -> dict[str, Callable[[], object]]:
    """One life of an app, in order."""
    return {
        "create the app": lambda: fly.create_app("one", "personal"),
        "import secrets": lambda: fly.import_secrets("one", {"A": Secret("first-value"), "B": Secret("other-value")}),
        "unset a secret": lambda: fly.unset_secrets("one", ["B"]),
        "create a volume": lambda: fly.create_volume("one", "data", "ord", 1),
        "allocate the shared address": lambda: fly.allocate_shared_v4("one"),
        "allocate an address": lambda: fly.allocate_v6("one"),
        "add a certificate": lambda: fly.add_cert("one", "gateway.example.com"),
        "check a certificate": lambda: fly.check_cert("one", "gateway.example.com"),
        "deploy first": lambda: fly.deploy("one", toml, Deploy(image=IMAGE)),
        "deploy again": lambda: fly.deploy("one", toml, Deploy(image=NEXT_IMAGE)),
        "restart with secrets": lambda: fly.deploy_secrets("one"),
        "scale up": lambda: fly.scale_count("one", {"web": 2}, config=toml),
        "scale to the same": lambda: fly.scale_count("one", {"web": 2}, config=toml),
        "scale down": lambda: fly.scale_count("one", {"web": 1}, config=toml),
        "start a machine": lambda: fly.start_machine("one", sim.drift.stop_machine("one", "web")),
        "restart a machine": lambda: fly.cli.run(
            "restarting", "machines", "restart", fly.machines("one")[0].id, "-a", "one", "--skip-health-checks"
        ),
        "uncordon a machine": lambda: fly.cli.run(
            "uncordoning", "machines", "uncordon", fly.machines("one")[0].id, "-a", "one"
        ),
        "release an address": lambda: fly.cli.run(
            "releasing", "ips", "release", sim.drift.allocate_ip("one", "v6"), "-a", "one"
        ),
        "grow a volume": lambda: fly.extend_volume("one", fly.volumes("one")[0].id, 2),
    }


def shape(value: Any) -> Any:
    """The type tree of a JSON value; a list becomes one element with all its elements' keys."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        merged: Any = None
        for item in value:
            merged = merge(merged, shape(item))
        return [] if merged is None else [merged]
    return type(value).__name__


def merge(one: Any, other: Any) -> Any:
    """Two shapes in one."""
    if isinstance(one, dict) and isinstance(other, dict):
        return {key: merge(one.get(key), other.get(key)) for key in sorted({*one, *other})}
    return other if one in (None, "NoneType", []) else one


def outside(part: Any, whole: Any, path: str = "") -> list[str]:
    """The keys of `part` that `whole` lacks or has another type for; null and empty ones fit anything."""
    if part in ("NoneType", [], {}) or whole in ("NoneType", []):
        return []
    if isinstance(part, dict) and isinstance(whole, dict):
        return [key for name, value in part.items() for key in outside(value, whole.get(name), f"{path}.{name}")]
    if isinstance(part, list) and isinstance(whole, list):
        return outside(part[0], whole[0], f"{path}[]")
    return [] if part == whole else [path]


def test_changing_calls_and_json_are_as_recorded(fly: Fly, sim: FlySim, binary: Path, tmp_path: Path) -> None:
    toml = tmp_path / "volume.toml"
    toml.write_text(TOML_WITH_VOLUME)
    calls: dict[str, list[str]] = {}
    shapes: dict[str, Any] = {}
    for name, step in steps(fly, sim, toml).items():
        sim.forget_calls()
        step()
        calls[name] = sorted(_ID.sub("/ID", call.operation) for call in sim.mutating_calls())
        if name == "restart with secrets":
            shapes = {" ".join(words): shape(fly.cli.json("looking", *words)) for words in JSON_COMMANDS}
    if os.environ.get("FLYCTL_RECORD") and binary == binaries.real():
        RECORDING.write_text(json.dumps({"calls": calls, "shapes": shapes}, indent=1, sort_keys=True) + "\n")
    recorded = json.loads(RECORDING.read_text())
    assert calls == recorded["calls"]
    for command, found in shapes.items():
        assert outside(found, recorded["shapes"][command]) == [], command


def test_looking_changes_nothing(fly: Fly, sim: FlySim, toml: Path) -> None:
    fly.create_app("one", "personal")
    fly.deploy("one", toml, Deploy(image=IMAGE))
    fly.add_cert("one", "gateway.example.com")
    fly.redis.create("cache", "personal", "ord", "Fixed 250MB")
    before = sim.mutations
    looks: list[Callable[[], object]] = [
        fly.whoami,
        fly.orgs,
        lambda: fly.apps("personal"),
        lambda: fly.status("one"),
        lambda: fly.secrets("one"),
        lambda: fly.volumes("one"),
        lambda: fly.machines("one"),
        lambda: fly.releases("one"),
        lambda: fly.cert("one", "gateway.example.com"),
        lambda: fly.ips("one"),
        lambda: fly.scale("one"),
        lambda: fly.logs("one"),
        lambda: fly.redis.all("personal"),
        lambda: fly.redis.get("cache"),
        fly.redis.plans,
    ]
    for look in looks:
        look()
    assert sim.mutations == before
