"""How a simulated machine lives: created, started after a moment, checks that turn passing, exits, leases."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from tests.flysim.faults import Problem
from tests.flysim.state import Json, State, image_parts, new_id, now

LEASE_OWNER = "operator@example.com"


@dataclass
class Behaviour:
    """What the simulated hardware does; tests change it while the server runs.

    Attributes:
        starts_after: seconds from launch to state ``started``.
        healthy_after: seconds from ``started`` until checks pass.
        reported_uptime: seconds a started machine claims to be up, so that flyctl's ten-second
            smoke check need not be waited for.
        unhealthy: groups (``app/group``) whose checks stay critical.
        crashing: groups that start, exit non-zero and start again for ever.
        never_starts: groups that stay ``created``.
        wrong_bind: groups that listen on 127.0.0.1 only.
        full_regions: regions where nothing more can be placed.
        bad_images: refs (regular expressions) whose machines never pass their checks.
        release_command_takes: seconds a release command runs.
        release_command_exit: exit code of release commands.
    """

    starts_after: float = 0.05
    healthy_after: float = 0.2
    reported_uptime: float = 11.0
    unhealthy: set[str] = field(default_factory=set)
    crashing: set[str] = field(default_factory=set)
    never_starts: set[str] = field(default_factory=set)
    wrong_bind: set[str] = field(default_factory=set)
    full_regions: set[str] = field(default_factory=set)
    bad_images: set[str] = field(default_factory=set)
    release_command_takes: float = 0.6
    release_command_exit: int = 0


def group_of(machine: Json) -> str:
    """The machine's process group."""
    return str((machine["config"].get("metadata") or {}).get("fly_process_group", ""))


class Machines:
    """Machine operations on the state; every call happens under the server's lock."""

    def __init__(self, state: State, behaviour: Behaviour) -> None:
        self.state = state
        self.behaviour = behaviour

    def launch(self, app: Json, body: Json) -> Json:
        """Create a machine from a launch request."""
        config = body.get("config") or {}
        region = body.get("region") or "ord"
        self._place(app, region)
        machine: Json = {
            "id": new_id(14),
            "name": body.get("name") or f"sim-{new_id(6)}",
            "region": region,
            "instance_id": "",
            "private_ip": f"fdaa:0:{app['number']:x}:a7b::{len(app['machines']) + 2:x}",
            "created_at": now(),
            "updated_at": now(),
            "config": {},
            "events": [],
            "cordoned": False,
            "lease": None,
            "launched": 0.0,
            "stopped": False,
            "secrets_version": 0,
        }
        self._configure(app, machine, config)
        self._mount(app, machine)
        app["machines"][machine["id"]] = machine
        if body.get("skip_launch"):
            machine["stopped"] = True
        if body.get("lease_ttl"):
            self.lease(machine, int(body["lease_ttl"]), "")
        return machine

    def update(self, app: Json, machine: Json, body: Json, nonce: str) -> Json:
        """Replace a machine's config, which restarts it."""
        self.check_lease(machine, nonce)
        self._configure(app, machine, body.get("config") or machine["config"])
        machine["stopped"] = bool(body.get("skip_launch"))
        return machine

    def restart(self, app: Json, machine: Json) -> None:
        """Start anew with the same config."""
        self._configure(app, machine, machine["config"])
        machine["stopped"] = False

    def destroy(self, app: Json, machine: Json) -> None:
        """Remove a machine and detach its volumes."""
        del app["machines"][machine["id"]]
        for volume in app["volumes"].values():
            if volume["attached_machine_id"] == machine["id"]:
                volume["attached_machine_id"] = None

    def _place(self, app: Json, region: str) -> None:
        if region in self.behaviour.full_regions:
            raise Problem(
                412,
                "could not reserve resource for machine: insufficient resources available to fulfill request",
                "insufficient_capacity",
            )
        if app["machines"] and not self.state.orgs[app["org"]]["paid"]:
            raise Problem(
                422,
                "To create more than 1 machine per app please add a payment method. "
                "https://fly.io/dashboard/personal/billing",
            )

    def _configure(self, app: Json, machine: Json, config: Json) -> None:
        image = str(config.get("image", ""))
        digest = self.state.images.get(image) or image_parts(image)["digest"]
        if not digest:
            raise Problem(400, f'could not find image "{image}"')
        machine["config"] = config
        machine["image_ref"] = {**image_parts(image), "digest": digest, "labels": {}}
        machine["instance_id"] = new_id(26).upper()
        machine["launched"] = time.time()
        machine["updated_at"] = now()
        machine["secrets_version"] = app["secrets_version"]

    def _mount(self, app: Json, machine: Json) -> None:
        for mount in machine["config"].get("mounts") or []:
            volume = app["volumes"].get(mount.get("volume", ""))
            if volume is None:
                raise Problem(404, f"volume {mount.get('volume')} not found")
            if volume["attached_machine_id"]:
                raise Problem(412, f"volume {volume['id']} is already attached")
            volume["attached_machine_id"] = machine["id"]

    def lease(self, machine: Json, ttl: int, nonce: str) -> Json:
        """Take or refresh the machine's lease."""
        self.check_lease(machine, nonce, taking=True)
        held = machine["lease"]
        expires = time.time() + (ttl or 30)
        if held and held["nonce"] == nonce and held["expires"] > time.time():
            held["expires"] = expires
        else:
            machine["lease"] = held = {"nonce": new_id(12), "expires": expires}
        return {
            "status": "success",
            "data": {
                "nonce": held["nonce"],
                "expires_at": int(held["expires"]),
                "owner": LEASE_OWNER,
                "version": machine["instance_id"],
            },
        }

    def check_lease(self, machine: Json, nonce: str, *, taking: bool = False) -> None:
        """Refuse when somebody else holds the lease."""
        held = machine["lease"]
        if held and held["expires"] > time.time() and held["nonce"] != nonce:
            verb = "lease" if taking else "machine"
            raise Problem(
                409,
                f"failed to acquire {verb} {machine['id']}: lease currently held by {LEASE_OWNER}, "
                f"expires at {int(held['expires'])}",
            )

    def status(self, app: Json, machine: Json) -> tuple[str, bool, float]:
        """(state, checks pass, seconds until the next change) of a machine right now."""
        age = time.time() - machine["launched"]
        key = f"{app['name']}/{group_of(machine)}"
        if machine["stopped"]:
            return "stopped", False, 60.0
        if key in self.behaviour.never_starts:
            return "created", False, 60.0
        if age < self.behaviour.starts_after:
            return "created", False, self.behaviour.starts_after - age
        up = age - self.behaviour.starts_after
        if group_of(machine) == "fly_app_release_command":
            left = self.behaviour.release_command_takes - up
            over = "destroyed" if machine["config"].get("auto_destroy") else "stopped"
            return ("started", False, left) if left > 0 else (over, False, 60.0)
        ill = key in self.behaviour.unhealthy or any(
            re.search(pattern, machine["config"].get("image", "")) for pattern in self.behaviour.bad_images
        )
        if up < self.behaviour.healthy_after:
            return "started", False, self.behaviour.healthy_after - up
        return "started", not ill, 60.0

    def view(self, app: Json, machine: Json) -> Json:
        """The machine as the API shows it to anybody: without the nonce of its lease, which is its holder's alone."""
        state, healthy, _ = self.status(app, machine)
        shown = {
            key: machine[key]
            for key in (
                "id",
                "name",
                "region",
                "instance_id",
                "private_ip",
                "created_at",
                "updated_at",
                "config",
                "image_ref",
                "cordoned",
            )
        }
        shown |= {
            "state": state,
            "host_status": "ok",
            "version": machine["instance_id"],
            "events": self._events(app, machine, state),
        }
        checks = self._checks(machine, healthy, started=state == "started")
        if checks:
            shown["checks"] = checks
        return shown

    def processes(self, app: Json, machine: Json) -> list[Json]:
        """What runs inside: one process that listens on every port the services name."""
        state, _, _ = self.status(app, machine)
        services = machine["config"].get("services") or []
        host = "127.0.0.1" if f"{app['name']}/{group_of(machine)}" in self.behaviour.wrong_bind else "0.0.0.0"
        sockets = [{"proto": "tcp", "address": f"{host}:{s['internal_port']}"} for s in services]
        command = " ".join((machine["config"].get("init") or {}).get("cmd") or ["app"])
        return (
            []
            if state != "started"
            else [
                {
                    "pid": 300,
                    "stime": 1,
                    "rtime": 1,
                    "command": command,
                    "directory": "/",
                    "cpu": 1,
                    "rss": 1,
                    "listen_sockets": sockets,
                }
            ]
        )

    def _events(self, app: Json, machine: Json, state: str) -> list[Json]:
        launched = machine["launched"] - self.behaviour.reported_uptime
        events: list[Json] = [
            {"type": "launch", "status": "created", "source": "user", "timestamp": int(launched * 1000)}
        ]
        if state == "created":
            return events
        up = {"type": "start", "status": "started", "source": "flyd", "timestamp": int(launched * 1000) + 50}
        if state in ("stopped", "destroyed") and group_of(machine) == "fly_app_release_command":
            code = self.behaviour.release_command_exit
            return [self._exit(code, launched, 0), up, *events]
        if f"{app['name']}/{group_of(machine)}" in self.behaviour.crashing:
            return [self._exit(1, launched, restarts) for restarts in (3, 2, 1)] + [up, *events]
        return [up, *events]

    @staticmethod
    def _exit(code: int, launched: float, restarts: int) -> Json:
        moment = {
            "exit_code": code,
            "guest_exit_code": code,
            "requested_stop": False,
            "restarting": restarts > 0,
            "oom_killed": False,
            "exited_at": now(),
        }
        return {
            "type": "exit",
            "status": "stopped",
            "source": "flyd",
            "timestamp": int(launched * 1000) + 90,
            "request": {"exit_event": moment, "restart_count": restarts},
        }

    @staticmethod
    def _checks(machine: Json, healthy: bool, *, started: bool) -> list[Json]:
        if not started:
            return []
        config = machine["config"]
        names = list(config.get("checks") or {})
        number = 0
        for service in config.get("services") or []:
            for check in service.get("checks") or []:
                names.append(f"servicecheck-{number:02d}-{check.get('type')}-{service.get('internal_port')}")
                number += 1
        word = "passing" if healthy else "critical"
        said = "200 OK Output" if healthy else "connect: connection refused"
        return [{"name": name, "status": word, "output": said, "updated_at": now()} for name in names]


def wanted_states(query: dict[str, list[str]]) -> list[str]:
    """The states a wait request asks for."""
    return [state for value in query.get("state", ["started"]) for state in value.split(",")]


def as_int(value: Any, default: int) -> int:
    """`value` as a whole number, or `default`."""
    try:
        return int(value)
    except (TypeError, ValueError):
        return default
