"""What the simulated platform remembers: apps, machines, volumes, secrets, releases, all as plain JSON values."""

from __future__ import annotations

import copy
import hashlib
import hmac
import itertools
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]

REGIONS = {
    "ams": "Amsterdam, Netherlands",
    "fra": "Frankfurt, Germany",
    "iad": "Ashburn, Virginia (US)",
    "lhr": "London, United Kingdom",
    "nrt": "Tokyo, Japan",
    "ord": "Chicago, Illinois (US)",
    "sjc": "San Jose, California (US)",
    "syd": "Sydney, Australia",
}

# Display names and monthly prices in cents of the managed Redis plans.
REDIS_PLANS: list[Json] = [
    {
        "id": "ekQ85Yjkw155ohQ5ALYq0M",
        "displayName": "Pay-as-you-go",
        "pricePerMonth": 0,
        "description": "Pay per command",
        "maxDataSize": "10 GB",
    },
    {
        "id": "plan-fixed-250mb",
        "displayName": "Fixed 250MB",
        "pricePerMonth": 1000,
        "description": "Fixed price",
        "maxDataSize": "250 MB",
    },
    {
        "id": "plan-fixed-1gb",
        "displayName": "Fixed 1GB",
        "pricePerMonth": 2000,
        "description": "Fixed price",
        "maxDataSize": "1 GB",
    },
    {
        "id": "plan-fixed-5gb",
        "displayName": "Fixed 5GB",
        "pricePerMonth": 10000,
        "description": "Fixed price",
        "maxDataSize": "5 GB",
    },
]


def now() -> str:
    """The present moment as the platform writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_id(length: int = 14) -> str:
    """A fresh hexadecimal id."""
    return secrets.token_hex((length + 1) // 2)[:length]


class State:
    """The platform's memory. Every access happens under the server's lock."""

    def __init__(self, org: str = "personal", org_name: str = "Test Organisation") -> None:
        self._salt = secrets.token_bytes(16)
        self._numbers = itertools.count(1001)
        self.orgs: dict[str, Json] = {}
        self.apps: dict[str, Json] = {}
        self.addons: dict[str, Json] = {}
        self.images: dict[str, str] = {}
        self.peers: list[Json] = []
        self.builds: dict[int, Json] = {}
        self.add_org(org, org_name)

    def number(self) -> int:
        """The next internal number."""
        return next(self._numbers)

    def add_org(self, slug: str, name: str, *, paid: bool = True) -> Json:
        """Add an organisation; `paid` says whether it has a payment method."""
        org = {
            "id": new_id(20),
            "number": self.number(),
            "slug": slug,
            "name": name,
            "paid": paid,
            "personal": slug == "personal",
        }
        self.orgs[slug] = org
        return org

    def add_app(self, name: str, org: str, network: str = "", *, stranger: bool = False) -> Json:
        """Add an app; a stranger's app holds the name but cannot be seen."""
        app: Json = {
            "name": name,
            "number": self.number(),
            "org": org,
            "network": network,
            "stranger": stranger,
            "created_at": now(),
            "secrets": {},
            "secrets_version": 0,
            "machines": {},
            "volumes": {},
            "certificates": {},
            "ips": [],
            "releases": [],
        }
        self.apps[name] = app
        return app

    def add_image(self, ref: str, digest: str | None = None) -> str:
        """Make the registry know an image; returns its digest (given, in the ref, or derived from the ref)."""
        found = digest or (ref.rpartition("@")[2] if "@" in ref else "")
        self.images[ref] = found or "sha256:" + hashlib.sha256(ref.encode()).hexdigest()
        return self.images[ref]

    def digest(self, value: str) -> str:
        """The platform's opaque secret digest: the same for equal values, useless elsewhere."""
        return hmac.new(self._salt, value.encode(), hashlib.sha256).hexdigest()[:16]

    def set_secrets(self, app: Json, values: dict[str, str | None]) -> None:
        """Set secrets, or remove those whose value is None; counts as one new version."""
        app["secrets_version"] += 1
        for name, value in values.items():
            if value is None:
                app["secrets"].pop(name, None)
                continue
            old = app["secrets"].get(name, {})
            app["secrets"][name] = {
                "name": name,
                "value": value,
                "digest": self.digest(value),
                "created_at": old.get("created_at", now()),
                "updated_at": now(),
            }

    def machines(self) -> Iterator[tuple[Json, Json]]:
        """Every (app, machine)."""
        for app in self.apps.values():
            for machine in app["machines"].values():
                yield app, machine

    def snapshot(self) -> Json:
        """A deep copy of everything, JSON-serialisable."""
        return copy.deepcopy(
            {
                "salt": self._salt.hex(),
                "next_number": self.number(),
                "orgs": self.orgs,
                "apps": self.apps,
                "addons": self.addons,
                "images": self.images,
                "builds": {str(k): v for k, v in self.builds.items()},
            }
        )

    def restore(self, saved: Json) -> None:
        """Go back to a snapshot."""
        saved = copy.deepcopy(saved)
        self._salt = bytes.fromhex(saved["salt"])
        self._numbers = itertools.count(saved["next_number"])
        self.orgs, self.apps, self.addons = saved["orgs"], saved["apps"], saved["addons"]
        self.images = saved["images"]
        self.builds = {int(k): v for k, v in saved["builds"].items()}


def image_parts(ref: str) -> Json:
    """`registry/repository:tag@digest` in its parts, as a machine's image_ref names them."""
    rest, _, digest = ref.partition("@")
    head, slash, tail = rest.partition("/")
    if not slash or ("." not in head and ":" not in head and head != "localhost"):
        head, tail = "registry-1.docker.io", rest if slash else f"library/{rest}"
    repository, colon, tag = tail.rpartition(":")
    if not colon:
        repository, tag = tail, "" if digest else "latest"
    return {"registry": head, "repository": repository, "tag": tag, "digest": digest}


def monotonic() -> float:
    """Wall-clock seconds; one name so that tests can see what the simulator counts by."""
    return time.time()
