"""What GraphQL queries can read: the state's records under the names the platform's schema gives them."""

from __future__ import annotations

from typing import Any

from tests.flysim.machines import Machines, group_of
from tests.flysim.state import REDIS_PLANS, REGIONS, Json, State, image_parts

ZERO_TIME = "1970-01-01T00:00:00Z"


class Failure(Exception):
    """An error in the response's `errors` list."""

    def __init__(self, message: str, field: str = "", code: str = "UNPROCESSABLE") -> None:
        super().__init__(message)
        self.field = field
        self.code = code


def connection(nodes: list[Any]) -> Json:
    """A list as the schema's connections show it."""
    return {
        "nodes": nodes,
        "totalCount": len(nodes),
        "edges": [{"node": n, "cursor": ""} for n in nodes],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "endCursor": "", "startCursor": ""},
    }


class Values:
    """Root query fields (`get_<field>`), and the objects below them."""

    def __init__(self, state: State, machines: Machines, email: str) -> None:
        self.state = state
        self.machines = machines
        self.email = email

    def find_app(self, name: str | None) -> Json:
        """The app's record, or the platform's own way of saying that there is none to see."""
        app = self.state.apps.get(name or "")
        if app is None or app["stranger"]:
            raise Failure(f'Could not find App "{name}"', code="NOT_FOUND")
        return app

    def user(self) -> Json:
        """The token's owner."""
        return {
            "id": "user1",
            "email": self.email,
            "name": "Test Operator",
            "username": self.email,
            "internalNumericId": 1,
            "__typename": "User",
        }

    def organization(self, org: Json) -> Json:
        """One organisation."""
        role = "admin"
        return {
            "id": org["id"],
            "internalNumericId": str(org["number"]),
            "slug": org["slug"],
            "rawSlug": org["slug"],
            "name": org["name"],
            "type": "PERSONAL" if org["personal"] else "SHARED",
            "paidPlan": org["paid"],
            "billable": org["paid"],
            "viewerRole": role,
            "remoteBuilderImage": "",
            "remoteBuilderApp": None,
            "settings": {},
            "limits": {},
            "provisionsBetaExtensions": False,
            "billingStatus": "CURRENT" if org["paid"] else "SOURCE_REQUIRED",
            "addOns": lambda type=None, **_: connection(
                [self.add_on(a) for a in self.state.addons.values() if a["org"] == org["slug"]]
            ),
            "apps": lambda **_: connection(
                [self.app(a) for a in self.state.apps.values() if a["org"] == org["slug"] and not a["stranger"]]
            ),
            "__typename": "Organization",
        }

    def release(self, release: Json) -> Json:
        """One release."""
        return {
            "id": release["id"],
            "version": release["version"],
            "status": release["status"],
            "description": release["description"],
            "reason": release["reason"],
            "stable": release["stable"],
            "imageRef": release["image_ref"],
            "createdAt": release["created_at"],
            "user": self.user(),
            "inProgress": release["status"] in ("pending", "running"),
            "evaluationId": release["id"],
            "deploymentStrategy": release["strategy"],
            "config": {"definition": release["definition"]},
            "configDefinition": release["definition"],
            "metadata": None,
        }

    def app(self, app: Json) -> Json:
        """One app."""
        name = app["name"]
        releases = [self.release(r) for r in reversed(app["releases"])]
        current = releases[0] if releases else None
        deployed = bool(app["machines"])
        shared = next((ip["address"] for ip in app["ips"] if ip["type"] == "shared_v4"), None)
        image = image_parts(app["releases"][-1]["image_ref"]) if app["releases"] else None
        if image is not None:
            image["version"] = None
            image["digest"] = self.state.images.get(app["releases"][-1]["image_ref"], image["digest"])
        return {
            "id": name,
            "internalNumericId": app["number"],
            "name": name,
            "network": app["network"] or None,
            "status": "deployed" if deployed else "pending",
            "deployed": deployed,
            "hostname": f"{name}.fly.dev",
            "appUrl": f"https://{name}.fly.dev",
            "platformVersion": "machines",
            "state": "DEPLOYED",
            "version": len(app["releases"]),
            "cnameTarget": f"{name[:4]}x.{name}.fly.dev",
            "role": None,
            "organization": self.organization(self.state.orgs[app["org"]]),
            "currentRelease": current,
            "currentReleaseUnprocessed": current,
            "releases": lambda first=25, **_: connection(releases[:first]),
            "releasesUnprocessed": lambda first=25, **_: connection(releases[:first]),
            "config": lambda **_: {"definition": app["releases"][-1]["definition"] if app["releases"] else {}},
            "services": [],
            "imageDetails": image,
            "latestImageDetails": image,
            "imageUpgradeAvailable": False,
            "createdAt": app["created_at"],
            "sharedIpAddress": shared,
            "ipAddresses": lambda **_: connection(
                [self.ip_address(ip) for ip in app["ips"] if ip["type"] != "shared_v4"]
            ),
            "egressIpAddresses": lambda **_: connection([]),
            "machines": lambda **_: connection([self.machine(app, m) for m in app["machines"].values()]),
            "machine": lambda id: self.machine(app, app["machines"][id]),
            "secrets": [
                {"name": s["name"], "digest": s["digest"], "createdAt": s["created_at"]}
                for s in app["secrets"].values()
            ],
            "image": lambda ref: self.image(ref),
            "limitedAccessTokens": lambda **_: connection([]),
            "__typename": "App",
        }

    @staticmethod
    def ip_address(ip: Json) -> Json:
        """One address."""
        return {
            "id": ip["id"],
            "address": ip["address"],
            "type": ip["type"],
            "region": ip["region"],
            "createdAt": ip["created_at"],
            "network": None,
            "serviceName": None,
        }

    def machine(self, app: Json, machine: Json) -> Json:
        """A machine as the GraphQL half shows it."""
        state, _, _ = self.machines.status(app, machine)
        return {
            "id": machine["id"],
            "name": machine["name"],
            "state": state,
            "region": machine["region"],
            "config": machine["config"],
            "createdAt": machine["created_at"],
            "instanceId": machine["instance_id"],
            "app": {"name": app["name"]},
            "ips": connection([]),
            "host": {"id": "host1"},
            "egressIpAddresses": connection([]),
            "group": group_of(machine),
        }

    def image(self, ref: str) -> Json | None:
        """An image the registry knows, or null."""
        digest = self.state.images.get(ref)
        if digest is None and "@sha256:" in ref:
            wanted = ref.rpartition("@")[2]
            digest = wanted if wanted in self.state.images.values() else None
        if digest is None:
            raise Failure(f"Could not resolve image '{ref}'", "image", "NOT_FOUND")
        return {
            "id": f"img_{digest[7:19]}",
            "digest": digest,
            "ref": ref,
            "compressedSize": "104857600",
            "compressedSizeFull": "104857600",
            "absoluteRef": ref,
            "configDigest": digest,
            "config": {},
            "manifest": {"annotations": {}},
            "label": "",
        }

    def plan(self, plan_id: str) -> Json:
        """One managed Redis plan."""
        plan = next((p for p in REDIS_PLANS if plan_id in (p["id"], p["displayName"])), None)
        if plan is None:
            raise Failure(f'plan "{plan_id}" not found')
        return {**plan, "name": plan["displayName"]}

    def add_on(self, addon: Json) -> Json:
        """One managed Redis database."""
        url = f"redis://default:{addon['password']}@{addon['host']}:6379"
        return {
            "id": addon["id"],
            "name": addon["name"],
            "status": addon["status"],
            "errorMessage": addon.get("error"),
            "publicUrl": url,
            "privateIp": "fdaa:0:1:0:1::7",
            "password": addon["password"],
            "primaryRegion": addon["region"],
            "readRegions": addon["read_regions"],
            "options": addon["options"],
            "metadata": addon["metadata"],
            "addOnPlan": self.plan(addon["plan"]),
            "addOnPlanName": addon["plan"],
            "organization": self.organization(self.state.orgs[addon["org"]]),
            "hostname": addon["host"],
            "addOnProvider": {"name": "upstash_redis", "displayName": "Upstash for Redis"},
            "environment": None,
            "app": None,
            "apps": connection([]),
            "stats": {},
            "ssoLink": None,
            "__typename": "AddOn",
        }

    # Root query fields. Arguments carry the schema's names.

    def get_viewer(self) -> Json:
        """The token's owner, with the organisations."""
        return self.user() | {
            "organizations": connection([self.organization(o) for o in self.state.orgs.values()]),
            "personalOrganization": self.organization(next(iter(self.state.orgs.values()))),
            "enablePaidHobby": True,
            "featureFlags": [],
        }

    def get_currentUser(self) -> Json:
        """The token's owner."""
        return self.get_viewer()

    def get_organizations(self, **_: Any) -> Json:
        """Every organisation the token sees."""
        return connection([self.organization(o) for o in self.state.orgs.values()])

    def get_organization(self, slug: str | None = None, name: str | None = None, id: str | None = None) -> Json:
        """One organisation."""
        for org in self.state.orgs.values():
            if (slug or name) in (org["slug"], org["name"]) or (id and id == org["id"]):
                return self.organization(org)
        raise Failure("Could not find Organization", code="NOT_FOUND")

    def get_apps(self, organizationId: str | None = None, **_: Any) -> Json:
        """Apps of one organisation, or all."""
        return connection(
            [
                self.app(a)
                for a in self.state.apps.values()
                if not a["stranger"] and organizationId in (None, self.state.orgs[a["org"]]["id"])
            ]
        )

    def get_app(self, name: str | None = None, internalId: str | None = None) -> Json:
        """One app by name."""
        return self.app(self.find_app(name))

    def get_appNameAvailable(self, name: str) -> bool:
        """Whether an app name is free."""
        return name not in self.state.apps

    def get_addOn(self, name: str | None = None, provider: str | None = None, id: str | None = None) -> Json:
        """One managed Redis database."""
        for addon in self.state.addons.values():
            if addon["name"] == name or addon["id"] == id:
                return self.add_on(addon)
        raise Failure("Could not find AddOn", code="NOT_FOUND")

    def get_addOns(self, type: str | None = None, **_: Any) -> Json:
        """Every managed Redis database."""
        return connection([self.add_on(a) for a in self.state.addons.values()])

    def get_addOnPlans(self, type: str | None = None, **_: Any) -> Json:
        """Managed Redis plans."""
        return connection([{**p, "name": p["displayName"]} for p in REDIS_PLANS])

    def get_nearestRegion(self, **_: Any) -> Json:
        """The region nearest to the caller."""
        return {"code": "ord", "name": REGIONS["ord"], "gatewayAvailable": True, "deprecated": False}

    def get_platform(self) -> Json:
        """Regions and sizes."""
        regions = [
            {
                "code": c,
                "name": n,
                "gatewayAvailable": True,
                "requiresPaidPlan": False,
                "deprecated": False,
                "latitude": 0.0,
                "longitude": 0.0,
                "processGroup": None,
                "capacity": 100,
                "geoRegion": "north_america",
            }
            for c, n in REGIONS.items()
        ]
        return {"regions": regions, "vmSizes": [], "requestRegion": "ord", "flyctl": None}

    def get_latestImageDetails(self, image: str, **_: Any) -> Json:
        """Details of an image tag."""
        return {**image_parts(image), "version": ""}
