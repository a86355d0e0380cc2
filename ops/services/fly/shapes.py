"""Apps, machines, releases and volumes as flyctl answers them, as typed records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from ops.services.fly.reading import Raw, pick, rows, whole

# Machines flyctl makes for its own purposes; they are no part of the app.
_PASSING_GROUPS = ("fly_app_release_command", "fly_app_console", "fly_app_test_machine_command")


class Version(msgspec.Struct, frozen=True):
    """`flyctl version`: the text, and its numbers for comparing."""

    text: str

    @property
    def numbers(self) -> tuple[int, ...]:
        """``(0, 4, 87)`` for ``0.4.87``; anything after a dash is left out."""
        return tuple(whole(part) or 0 for part in self.text.split("-")[0].split("."))


class App(msgspec.Struct, frozen=True):
    """One app of the organisation. `deployed` is false until it has had machines."""

    name: str
    status: str = ""
    deployed: bool = False
    hostname: str = ""
    org: str = ""

    @classmethod
    def read(cls, raw: Raw) -> App:
        """From `apps list` or `apps create`."""
        status = str(pick(raw, "status", default=""))
        return cls(
            name=str(pick(raw, "name", default="")),
            status=status,
            deployed=bool(pick(raw, "deployed", default=False)) or status in ("deployed", "suspended"),
            hostname=str(pick(raw, "hostname", default="")),
            org=str(pick(pick(raw, "organization"), "slug", default="")),
        )


class SecretState(NamedTuple):
    """A secret as Fly shows it: an opaque digest, and whether the running machines have it.

    `status` is ``Deployed``, ``Staged``, ``Partial``, ``Unknown`` or empty. flyctl computes it from times;
    without machines it says ``Staged``.
    """

    digest: str
    status: str


class Check(msgspec.Struct, frozen=True):
    """One health check of one machine; `status` is passing, warning or critical."""

    name: str
    status: str
    output: str = ""


class Machine(msgspec.Struct, frozen=True):
    """One machine, with what a health gate needs.

    Attributes:
        group: process group.
        release_version: number of the release whose config it runs.
        image, digest: the image reference, and the digest really running.
        standby: a spare that is meant to be stopped.
        oom_killed: its newest exit was for want of memory.
    """

    id: str
    name: str = ""
    state: str = ""
    region: str = ""
    group: str = ""
    release_version: int | None = None
    release_id: str = ""
    image: str = ""
    digest: str = ""
    private_ip: str = ""
    host_status: str = "ok"
    standby: bool = False
    oom_killed: bool = False
    memory_mb: int | None = None
    checks: tuple[Check, ...] = ()
    volumes: tuple[str, ...] = ()
    created_at: str = ""
    updated_at: str = ""

    @classmethod
    def read(cls, raw: Raw) -> Machine:
        """From `status`, `machines list` or the Machines API."""
        config = pick(raw, "config", "incomplete_config", default={})
        metadata = pick(config, "metadata", default={})
        image = pick(raw, "image_ref", default={})
        exits = [event for event in rows(pick(raw, "events")) if pick(event, "type") == "exit"]
        last_exit = pick(pick(exits[0], "request"), "exit_event") if exits else None
        return cls(
            id=str(pick(raw, "id", default="")),
            name=str(pick(raw, "name", default="")),
            state=str(pick(raw, "state", default="")),
            region=str(pick(raw, "region", default="")),
            group=str(pick(metadata, "fly_process_group", default="")),
            release_version=whole(pick(metadata, "fly_release_version")),
            release_id=str(pick(metadata, "fly_release_id", default="")),
            image=str(pick(config, "image", default="")),
            digest=str(pick(image, "digest", default="")),
            private_ip=str(pick(raw, "private_ip", default="")),
            host_status=str(pick(raw, "host_status", default="ok")),
            standby=bool(pick(config, "standbys")),
            oom_killed=bool(pick(last_exit, "oom_killed", default=False)),
            memory_mb=whole(pick(pick(config, "guest"), "memory_mb")),
            checks=tuple(
                Check(
                    str(pick(c, "name", default="")),
                    str(pick(c, "status", default="")),
                    str(pick(c, "output", default="")),
                )
                for c in rows(pick(raw, "checks"))
            ),
            volumes=tuple(str(pick(m, "volume", default="")) for m in rows(pick(config, "mounts"))),
            created_at=str(pick(raw, "created_at", default="")),
            updated_at=str(pick(raw, "updated_at", default="")),
        )

    @property
    def own(self) -> bool:
        """Whether it belongs to the app, and is not one of flyctl's passing helpers."""
        return self.group not in _PASSING_GROUPS and self.state not in ("destroyed", "destroying")

    @property
    def healthy(self) -> bool:
        """Started on a reachable host, with every check passing (vacuously so without checks)."""
        return self.state == "started" and self.host_status == "ok" and not self.failing

    @property
    def failing(self) -> tuple[Check, ...]:
        """The checks that do not pass."""
        return tuple(check for check in self.checks if check.status != "passing")


class AppStatus(msgspec.Struct, frozen=True):
    """`flyctl status`: the app, and the machines that are its own."""

    name: str
    status: str = ""
    deployed: bool = False
    hostname: str = ""
    machines: tuple[Machine, ...] = ()

    @classmethod
    def read(cls, raw: Raw) -> AppStatus:
        """From `status --json`."""
        found = (Machine.read(m) for m in rows(pick(raw, "machines")))
        return cls(
            name=str(pick(raw, "name", default="")),
            status=str(pick(raw, "status", default="")),
            deployed=bool(pick(raw, "deployed", default=False)),
            hostname=str(pick(raw, "hostname", default="")),
            machines=tuple(m for m in found if m.own),
        )

    def group(self, name: str) -> tuple[Machine, ...]:
        """Its machines of one process group, standbys left out."""
        return tuple(m for m in self.machines if m.group == name and not m.standby)


class Release(msgspec.Struct, frozen=True):
    """One release; `status` is pending, running, complete, failed or interrupted."""

    id: str
    version: int
    image: str
    status: str = "complete"
    description: str = ""
    created_at: str = ""

    @classmethod
    def read(cls, raw: Raw) -> Release:
        """From `releases --json`, or the line `deploy` prints with FLY_EMIT_RELEASE_JSON."""
        return cls(
            id=str(pick(raw, "id", default="")),
            version=whole(pick(raw, "version")) or 0,
            image=str(pick(raw, "image_ref", default="")),
            status=str(pick(raw, "status", default="complete")),
            description=str(pick(raw, "description", default="")),
            created_at=str(pick(raw, "created_at", default="")),
        )


class Volume(msgspec.Struct, frozen=True):
    """One volume, and the machine it is mounted in (empty: none)."""

    id: str
    name: str
    region: str = ""
    size_gb: int = 0
    state: str = ""
    machine: str = ""
    created_at: str = ""

    @classmethod
    def read(cls, raw: Raw) -> Volume:
        """From `volumes list` or `volumes create`."""
        return cls(
            id=str(pick(raw, "id", default="")),
            name=str(pick(raw, "name", default="")),
            region=str(pick(raw, "region", default="")),
            size_gb=whole(pick(raw, "size_gb")) or 0,
            state=str(pick(raw, "state", default="")),
            machine=str(pick(raw, "attached_machine_id", default="")),
            created_at=str(pick(raw, "created_at", default="")),
        )


class GroupScale(msgspec.Struct, frozen=True):
    """How many machines a process group has, and their size."""

    group: str
    count: int
    cpus: int = 0
    memory_mb: int = 0
    regions: Mapping[str, int] = msgspec.field(default_factory=dict)

    @classmethod
    def read(cls, raw: Raw) -> GroupScale:
        """From `scale show --json`."""
        return cls(
            group=str(pick(raw, "process", default="")),
            count=whole(pick(raw, "count")) or 0,
            cpus=whole(pick(raw, "cpus")) or 0,
            memory_mb=whole(pick(raw, "memory")) or 0,
            regions=dict(pick(raw, "regions", default={})),
        )


class Executed(msgspec.Struct, frozen=True):
    """What a command inside a machine ended with."""

    exit_code: int
    stdout: str = ""
    stderr: str = ""

    @classmethod
    def read(cls, raw: Raw | None) -> Executed:
        """From the Machines API, which leaves zero and empty fields out."""
        return cls(
            whole(pick(raw, "exit_code")) or 0,
            str(pick(raw, "stdout", default="")),
            str(pick(raw, "stderr", default="")),
        )


class LogLine(msgspec.Struct, frozen=True):
    """One line of an app's log."""

    timestamp: str
    message: str
    level: str = ""
    region: str = ""
    machine: str = ""

    @classmethod
    def read(cls, raw: Raw) -> LogLine:
        """From the API's log entries."""
        return cls(
            timestamp=str(pick(raw, "timestamp", default="")),
            message=str(pick(raw, "message", default="")),
            level=str(pick(raw, "level", default="")),
            region=str(pick(raw, "region", default="")),
            machine=str(pick(raw, "instance", default="")),
        )


class Lease(msgspec.Struct, frozen=True):
    """Who alone may change a machine, until `expires_at` (seconds since 1970)."""

    machine: str
    owner: str = ""
    expires_at: float = 0.0

    @classmethod
    def read(cls, machine: str, raw: Raw) -> Lease:
        """From the lease's own address (Machines API)."""
        data = pick(raw, "data", default={})
        owner = str(pick(data, "owner", default="") or "somebody")
        return cls(machine, owner, float(whole(pick(data, "expires_at", default=0)) or 0))
