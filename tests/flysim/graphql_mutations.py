"""What GraphQL mutations change."""

from __future__ import annotations

import base64
import secrets

from tests.flysim.graphql_values import Failure, Values
from tests.flysim.state import REGIONS, Json, State, new_id, now


def new_address(app: Json, kind: str) -> str:
    """A fresh documentation-range address of a kind."""
    count = len(app["ips"]) + 1
    number = app["number"] % 250
    if kind in ("v4", "shared_v4"):
        return f"203.0.113.{number}" if kind == "v4" else "198.51.100.7"
    return f"fdaa:0:{number:x}::{count:x}" if kind == "private_v6" else f"2001:db8:{number:x}::{count:x}"


def allocate(app: Json, kind: str, region: str) -> Json:
    """Give the app an address; a shared IPv4 is given once."""
    if kind == "shared_v4":
        for ip in app["ips"]:
            if ip["type"] == kind:
                return dict(ip)
    ip = {
        "id": f"ip_{new_id(10)}",
        "address": new_address(app, kind),
        "type": kind,
        "region": region or "global",
        "created_at": now(),
    }
    app["ips"].append(ip)
    return ip


class Mutations:
    """Root mutation fields (`get_<field>`)."""

    def __init__(self, state: State, values: Values) -> None:
        self.state = state
        self.values = values

    def get_allocateIpAddress(self, input: Json) -> Json:
        """Allocate an address."""
        app = self.values.find_app(input["appId"])
        ip = allocate(app, input["type"], input.get("region") or "")
        return {"ipAddress": self.values.ip_address(ip), "app": self.values.app(app)}

    def get_releaseIpAddress(self, input: Json) -> Json:
        """Release an address."""
        app = self.values.find_app(input.get("appId"))
        keep = [ip for ip in app["ips"] if input.get("ip") != ip["address"] and input.get("ipAddressId") != ip["id"]]
        app["ips"] = keep
        return {"app": self.values.app(app), "clientMutationId": None}

    def get_createBuild(self, input: Json) -> Json:
        """Record that a build began."""
        build = self.state.number()
        self.state.builds[build] = {"app": input.get("appName"), "status": "pending"}
        return {"id": str(build), "status": "pending"}

    def get_finishBuild(self, input: Json) -> Json:
        """Record how a build ended."""
        return {"id": input["buildId"], "status": input["status"], "wallclockTimeMs": 1}

    def get_createAddOn(self, input: Json) -> Json:
        """Create a managed Redis database."""
        org = next((o for o in self.state.orgs.values() if o["id"] == input.get("organizationId")), None)
        if org is None:
            raise Failure("Could not find Organization")
        if not org["paid"]:
            raise Failure(
                "We need your payment information to continue! Add a credit card at "
                "https://fly.io/dashboard/personal/billing"
            )
        name = input.get("name") or f"sim-{new_id(6)}"
        if name in self.state.addons:
            raise Failure("Validation failed: Name has already been taken")
        if input.get("primaryRegion") not in REGIONS:
            raise Failure(f"region {input.get('primaryRegion')} not found")
        plan = self.values.plan(input["planId"])
        self.state.addons[name] = addon = {
            "id": f"addon_{new_id(12)}",
            "name": name,
            "org": org["slug"],
            "plan": plan["id"],
            "status": "ready",
            "region": input["primaryRegion"],
            "read_regions": input.get("readRegions") or [],
            "options": input.get("options") or {},
            "metadata": {},
            "password": secrets.token_hex(20),
            "host": f"fly-{name}.upstash.io",
            "created_at": now(),
        }
        return {"addOn": self.values.add_on(addon), "clientMutationId": None}

    def get_updateAddOn(self, input: Json) -> Json:
        """Change plan, options or read regions of a database."""
        for addon in self.state.addons.values():
            if input.get("addOnId") == addon["id"] or input.get("name") == addon["name"]:
                if input.get("planId"):
                    addon["plan"] = self.values.plan(input["planId"])["id"]
                for key, kept in (("options", "options"), ("metadata", "metadata"), ("readRegions", "read_regions")):
                    if input.get(key) is not None:
                        addon[kept] = input[key]
                return {"addOn": self.values.add_on(addon), "clientMutationId": None}
        raise Failure("Could not find AddOn", code="NOT_FOUND")

    def get_deleteAddOn(self, input: Json) -> Json:
        """Delete a database."""
        name = next((n for n, a in self.state.addons.items() if input.get("addOnId") == a["id"]), input.get("name"))
        if name not in self.state.addons:
            raise Failure("Could not find AddOn", code="NOT_FOUND")
        del self.state.addons[str(name)]
        return {"deletedAddOnName": name, "clientMutationId": None}

    def get_createLimitedAccessToken(self, input: Json) -> Json:
        """A token; the value is random and opens nothing."""
        return {
            "limitedAccessToken": {
                "id": new_id(),
                "name": input.get("name"),
                "tokenHeader": f"FlyV1 fm2_{secrets.token_urlsafe(40)}",
                "expiresAt": now(),
                "revokedAt": None,
            }
        }

    def get_deleteApp(self, appId: str = "", input: Json | None = None) -> Json:
        """Destroy an app and all it holds."""
        name = appId or (input or {}).get("appId", "")
        app = self.values.find_app(name)
        del self.state.apps[name]
        return {"organization": self.values.organization(self.state.orgs[app["org"]])}

    def get_validateWireGuardPeers(self, input: Json) -> Json:
        """flyctl's private network is not simulated: no peer of its is known to be bad."""
        return {"invalidPeerIps": []}

    def get_addWireGuardPeer(self, input: Json) -> Json:
        """A peer is noted; its gateway is on loopback, where none listens: the tunnel ends at its first packet."""
        self.state.peers.append(input)
        gateway = base64.b64encode(secrets.token_bytes(32)).decode()
        return {"peerip": f"fdaa:0:1:a7b::{len(self.state.peers):x}", "endpointip": "127.0.0.1", "pubkey": gateway}
