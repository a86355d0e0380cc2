"""The Machines API (/v1): apps, machines, volumes, secrets, certificates, addresses."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.flysim.certificates import Certificates
from tests.flysim.faults import Problem
from tests.flysim.graphql_mutations import allocate
from tests.flysim.machines import Machines, as_int, wanted_states
from tests.flysim.state import REGIONS, Json, State, new_id, now

# What only a lease's holder may have a machine do.
LEASED_VERBS = ("cordon", "uncordon", "restart", "start", "stop", "suspend")
LONGEST_WAIT_S = 60


@dataclass
class Request:
    """One decoded REST request."""

    method: str
    parts: list[str]
    query: dict[str, list[str]]
    body: Json
    nonce: str


class MachinesApi:
    """Routes by resource; each answers (status, body)."""

    def __init__(self, state: State, machines: Machines, certificates: Certificates, lock: threading.Condition) -> None:
        self.state = state
        self.machines = machines
        self.certificates = certificates
        self.lock = lock
        self.execute: Callable[[Json, Json, str], tuple[int, str, str]] = lambda app, machine, command: (0, "", "")

    def answer(self, request: Request) -> tuple[int, Any]:
        """Dispatch below /v1."""
        parts = request.parts
        if parts[:1] == ["platform"]:
            return self._platform(request)
        if parts[:1] != ["apps"]:
            raise Problem(404, "404 page not found")
        if len(parts) == 1:
            return self._apps(request)
        app = self._app(parts[1])
        if len(parts) == 2:
            return self._one_app(request, app)
        handler = getattr(self, f"_{parts[2]}", None)
        if handler is None:
            raise Problem(404, "404 page not found")
        request.parts = parts[3:]
        status, body = handler(request, app)
        return status, body

    def _app(self, name: str) -> Json:
        app = self.state.apps.get(name)
        if app is None:
            raise Problem(404, f'app not found: Could not find App "{name}"')
        if app["stranger"]:
            raise Problem(403, "unauthorized")
        return app

    def _show_app(self, app: Json) -> Json:
        org = self.state.orgs[app["org"]]
        return {
            "id": app["name"],
            "name": app["name"],
            "internal_numeric_id": app["number"],
            "network": app["network"] or "default",
            "status": "deployed" if app["machines"] else "pending",
            "machine_count": len(app["machines"]),
            "volume_count": len(app["volumes"]),
            "app_role": "",
            "organization": {"name": org["name"], "slug": org["slug"], "internal_numeric_id": org["number"]},
            "cname_target": f"{app['name'][:4]}x.{app['name']}.fly.dev",
        }

    def _platform(self, request: Request) -> tuple[int, Any]:
        if request.parts[1:] == ["regions"]:
            return 200, {
                "Nearest": "ord",
                "Regions": [
                    {
                        "code": c,
                        "name": n,
                        "gateway_available": True,
                        "requires_paid_plan": False,
                        "deprecated": False,
                        "capacity": 100,
                        "geo_region": "north_america",
                    }
                    for c, n in REGIONS.items()
                ],
            }
        full = self.machines.behaviour.full_regions
        return 200, {"Regions": [{"Region": c, "Count": 0 if c in full else 10, "Concurrency": 10} for c in REGIONS]}

    def _apps(self, request: Request) -> tuple[int, Any]:
        if request.method == "GET":
            slug = request.query.get("org_slug", [""])[0]
            return 200, {
                "apps": [
                    self._show_app(a) for a in self.state.apps.values() if not a["stranger"] and slug in ("", a["org"])
                ]
            }
        name, slug = request.body.get("name", ""), request.body.get("org_slug", "")
        org = self.state.orgs.get(slug)
        if org is None:
            raise Problem(404, "organization not found")
        if name in self.state.apps:
            raise Problem(422, "Validation failed: Name has already been taken", "name_taken")
        if not org["paid"]:
            raise Problem(
                422,
                "We need your payment information to continue! Add a credit card at "
                "https://fly.io/dashboard/personal/billing",
            )
        return 201, self._show_app(self.state.add_app(name, slug, request.body.get("network", "")))

    def _one_app(self, request: Request, app: Json) -> tuple[int, Any]:
        if request.method == "DELETE":
            del self.state.apps[app["name"]]
            return 202, {}
        return 200, self._show_app(app)

    def _secrets(self, request: Request, app: Json) -> tuple[int, Any]:
        if request.method == "GET":
            shown = [self._show_secret(s) for s in app["secrets"].values()]
            return 200, {"secrets": shown}
        name = request.parts[0] if request.parts else ""
        if not name:
            self.state.set_secrets(app, request.body.get("values") or {})
        elif request.method == "DELETE":
            self.state.set_secrets(app, {name: None})
            return 200, {"version": app["secrets_version"]}
        else:
            self.state.set_secrets(app, {name: request.body["value"]})
            return 200, self._show_secret(app["secrets"][name]) | {"version": app["secrets_version"]}
        changed = [self._show_secret(app["secrets"][n]) for n, v in request.body["values"].items() if v is not None]
        return 200, {"secrets": changed, "version": app["secrets_version"]}

    @staticmethod
    def _show_secret(secret: Json) -> Json:
        return {k: secret[k] for k in ("name", "digest", "created_at", "updated_at")}

    def _volumes(self, request: Request, app: Json) -> tuple[int, Any]:
        volumes = app["volumes"]
        if not request.parts:
            if request.method == "GET":
                return 200, list(volumes.values())
            region = request.body.get("region") or "ord"
            if region in self.machines.behaviour.full_regions:
                raise Problem(412, "insufficient resources to create volume", "insufficient_capacity")
            volume = {
                "id": f"vol_{new_id(16)}",
                "name": request.body["name"],
                "state": "created",
                "region": region,
                "size_gb": request.body.get("size_gb") or 3,
                "zone": new_id(4),
                "encrypted": True,
                "attached_machine_id": None,
                "attached_alloc_id": None,
                "created_at": now(),
                "host_status": "ok",
                "host_dedication_id": "",
                "snapshot_retention": request.body.get("snapshot_retention") or 5,
                "auto_backup_enabled": True,
            }
            volumes[volume["id"]] = volume
            return 200, volume
        volume = volumes.get(request.parts[0])
        if volume is None:
            raise Problem(404, "volume not found")
        if request.method == "DELETE":
            if volume["attached_machine_id"]:
                raise Problem(412, "volume is currently bound to machine: " + volume["attached_machine_id"])
            del volumes[volume["id"]]
            return 200, volume | {"state": "pending_destroy"}
        if request.parts[1:] == ["extend"]:
            volume["size_gb"] = request.body["size_gb"]
            return 200, {"volume": volume, "needs_restart": False}
        if request.parts[1:] == ["snapshots"]:
            return 200, []
        return 200, volume

    def _ip_assignments(self, request: Request, app: Json) -> tuple[int, Any]:
        def show(ip: Json) -> Json:
            return {
                "ip": ip["address"],
                "region": ip["region"],
                "service_name": "",
                "shared": ip["type"] == "shared_v4",
                "created_at": ip["created_at"],
            }

        if request.method == "GET":
            return 200, {"ips": [show(ip) for ip in app["ips"]]}
        if request.method == "DELETE":
            app["ips"] = [ip for ip in app["ips"] if ip["address"] != request.parts[0]]
            return 204, None
        return 200, show(allocate(app, request.body["type"], request.body.get("region") or ""))

    def _certificates(self, request: Request, app: Json) -> tuple[int, Any]:
        certificates = app["certificates"]
        if not request.parts:
            shown = [self.certificates.summary(app, c) for c in certificates.values()]
            return 200, {"certificates": shown, "total_count": len(shown)}
        if request.parts == ["acme"] and request.method == "POST":
            hostname = request.body["hostname"]
            if hostname in certificates:
                raise Problem(422, "Hostname already exists on app")
            certificates[hostname] = self.certificates.new(hostname)
            return 201, self.certificates.detail(app, certificates[hostname])
        certificate = certificates.get(request.parts[0])
        if certificate is None:
            raise Problem(404, "certificate not found")
        if request.method == "DELETE":
            del certificates[certificate["hostname"]]
            return 204, None
        if request.parts[1:] == ["check"]:
            self.certificates.check(app, certificate)
        return 200, self.certificates.detail(app, certificate)

    def _machines(self, request: Request, app: Json) -> tuple[int, Any]:
        if not request.parts:
            if request.method == "GET":
                shown = [self.machines.view(app, m) for m in app["machines"].values()]
                return 200, [m for m in shown if m["state"] != "destroyed"]
            made = self.machines.launch(app, request.body)
            # Whoever launches with a lease is its holder.
            mine = {"nonce": made["lease"]["nonce"]} if made["lease"] else {}
            return 200, self.machines.view(app, made) | mine
        machine = app["machines"].get(request.parts[0])
        if machine is None:
            raise Problem(404, "machine not found")
        verb = request.parts[1] if len(request.parts) > 1 else ""
        if verb:
            return self._verb(request, app, machine, verb)
        if request.method == "DELETE":
            self.machines.check_lease(machine, request.nonce)
            if request.query.get("kill") != ["true"] and self.machines.status(app, machine)[0] == "started":
                raise Problem(412, "failed_precondition: unable to destroy machine, not currently stopped or suspended")
            self.machines.destroy(app, machine)
            return 200, {"ok": True}
        if request.method == "POST":
            self.machines.update(app, machine, request.body, request.nonce)
        return 200, self.machines.view(app, machine)

    def _verb(self, request: Request, app: Json, machine: Json, verb: str) -> tuple[int, Any]:
        if verb == "lease":
            return self._lease(request, machine)
        if verb == "wait":
            return self._wait(request, app, machine)
        if verb == "exec":
            code, out, err = self.execute(app, machine, request.body.get("cmd") or "")
            return 200, {"exit_code": code, "stdout": out, "stderr": err}
        if verb == "metadata":
            metadata = machine["config"].setdefault("metadata", {})
            if request.method == "GET":
                return 200, metadata
            metadata[request.parts[2]] = request.body.get("value")
            return 204, None
        if verb in LEASED_VERBS:
            self.machines.check_lease(machine, request.nonce)
        if verb in ("cordon", "uncordon"):
            machine["cordoned"] = verb == "cordon"
        elif verb == "restart":
            self.machines.restart(app, machine)
        elif verb == "start":
            self.machines.restart(app, machine)
            return 200, {"previous_state": "stopped"}
        elif verb in ("stop", "suspend"):
            machine["stopped"] = True
        elif verb == "ps":
            return 200, self.machines.processes(app, machine)
        elif verb != "signal":
            raise Problem(404, "404 page not found")
        return 200, {"ok": True}

    def _lease(self, request: Request, machine: Json) -> tuple[int, Any]:
        held = machine["lease"]
        if request.method in ("GET", "DELETE") and (not held or held["expires"] <= time.time()):
            raise Problem(404, "lease not found")
        if request.method == "DELETE":
            self.machines.check_lease(machine, request.nonce)
            machine["lease"] = None
            return 200, {"ok": True}
        if request.method == "GET":
            return 200, {
                "status": "success",
                "data": {
                    "nonce": request.nonce if held["nonce"] == request.nonce else "",
                    "expires_at": int(held["expires"]),
                    "owner": "operator@example.com",
                },
            }
        return 201, self.machines.lease(machine, as_int(request.query.get("ttl", ["0"])[0], 0), request.nonce)

    def _wait(self, request: Request, app: Json, machine: Json) -> tuple[int, Any]:
        wanted = wanted_states(request.query)
        patience = as_int(request.query.get("timeout", ["60"])[0], 60)
        if not 1 <= patience <= LONGEST_WAIT_S:
            raise Problem(400, f"invalid_argument: timeout must be from 1 to {LONGEST_WAIT_S} seconds")
        deadline = time.monotonic() + patience
        while True:
            gone = machine["id"] not in app["machines"]
            state, _, change = self.machines.status(app, machine)
            if gone:
                state = "destroyed"
            if state in wanted:
                return 200, {"ok": True, "state": state}
            left = deadline - time.monotonic()
            if left <= 0:
                raise Problem(
                    408, f"deadline_exceeded: machine failed to reach desired state, {wanted[0]}, currently {state}"
                )
            self.lock.wait(min(left, max(change, 0.001)))

    def refresh(self) -> None:
        """Wake waiting requests after a change."""
        self.lock.notify_all()
