"""The differences between a machine's config and the one that a deploy would give it, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ops.targets.fly.machine_config import seconds

Json = Mapping[str, Any]

# Who deployed, by which release: bookkeeping that does not change what runs, read elsewhere where it matters.
# The image is compared by name and digest, a mount's volume by who owns it.
ELSEWHERE = ("image", "metadata")
# Set by hand through the Machines API and kept by every deploy: only a new machine is without them.
KEPT = ("schedule", "auto_destroy", "dns", "processes", "standbys", "containers", "volumes", "spot", "cache_drive")

_TIMES = ("interval", "timeout", "grace_period")
# What the API may spell out although nobody asked: it is so without being said.
_DEFAULTS: Mapping[str, Any] = {"protocol": "http", "persist_rootfs": "never", "autostart": True}
_NAMED = {
    "services": ("protocol", "internal_port"),
    "ports": ("port", "start_port"),
    "mounts": ("path",),
    "headers": ("name",),
}


def differences(have: Json, want: Json) -> list[str]:
    """Lines such as ``guest.memory_mb: 256 → 512``; what was added by hand ends in ``→ none``.

    Args:
        have: a machine's config, from the Machines API.
        want: as `machine_config.of_group` makes it.
    """
    return [
        line
        for key in sorted({*have, *want} - set(ELSEWHERE))
        for line in _compare(key, key, have.get(key), want.get(key))
    ]


def kept(lines: list[str]) -> list[str]:
    """Those of the differences that no deploy takes away."""
    return [line for line in lines if line.split(":")[0].split(".")[0].split("[")[0] in KEPT]


def _compare(path: str, key: str, have: Any, want: Any) -> Iterator[str]:
    # Which volume it is, and how large, is judged with the volumes; a nameless one is a volume all the same.
    if path.startswith("mounts[") and (key in ("volume", "size_gb", "encrypted") or (key == "name" and have is None)):
        return
    if path == "env" or path.startswith("init.env"):
        yield from _names(path, have or {}, want or {})
    elif isinstance(have, Mapping) or isinstance(want, Mapping):
        have, want = _table(have), _table(want)
        for name in sorted({*have, *want}):
            yield from _compare(f"{path}.{name}", name, have.get(name), want.get(name))
    elif _tables(have) or _tables(want):
        yield from _lists(path, key, have or [], want or [])
    elif _plain(key, have) != _plain(key, want) and (want is not None or have != _DEFAULTS.get(key)):
        yield f"{path}: {_shown(have)} → {_shown(want)}"


def _names(path: str, have: Json, want: Json) -> Iterator[str]:
    """Variables, without their values: what somebody added may be a secret."""
    for name in sorted({*have, *want}):
        if have.get(name) != want.get(name):
            change = "none → set" if name not in have else "set → none" if name not in want else "another value"
            yield f"{path}.{name}: {change}"


def _lists(path: str, key: str, have: list[Json], want: list[Json]) -> Iterator[str]:
    """Two lists of tables, paired by what names an entry, else by place."""

    def named(rows: list[Json]) -> dict[str, Json]:
        found: dict[str, Json] = {}
        for place, row in enumerate(rows):
            marks = [str(row[name]) for name in _NAMED.get(key, ()) if row.get(name) is not None]
            mark = "/".join(marks) or str(place)
            found[mark if mark not in found else f"{mark}#{place}"] = row
        return found

    left, right = named(have), named(want)
    for mark in [*left, *(mark for mark in right if mark not in left)]:
        here = f"{path}[{mark}]"
        if mark not in left:
            yield f"{here}: none → there"
        elif mark not in right:
            yield f"{here}: there → none"
        else:
            yield from _compare(here, key, left[mark], right[mark])


def _table(value: Any) -> Json:
    return value if isinstance(value, Mapping) else {}


def _tables(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _plain(key: str, value: Any) -> Any:
    """A value as it compares: one spelling for what Fly spells in several ways, None for what says nothing."""
    if key in _TIMES:
        return seconds(value) if value is not None else None
    if key == "autostop":
        return {"off": None, "false": None, "stop": True, "true": True}.get(str(value).lower(), value) or None
    if key == "method" and isinstance(value, str):
        return value.upper()
    if key == "handlers" and isinstance(value, list):
        return sorted(value)
    if key == "autostart":
        return value  # false means something here, and nothing said is true
    return None if value in (None, "", False, [], 0) else value


def _shown(value: Any) -> str:
    if value in (None, "", []):
        return "none"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
