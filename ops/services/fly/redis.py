"""Managed Redis (Upstash) through GraphQL.

Fields and arguments as in flyctl's own schema and its `redis` commands (v0.4.87).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ops.runbook.secret import Secret
from ops.services.fly.api import FlyApi
from ops.services.fly.errors import APP_MISSING, BAD_ORG, BAD_PLAN, NOT_FOUND, FlyError
from ops.services.fly.reading import Raw, pick, rows, whole

PROVIDER = "upstash_redis"

_FIELDS = """
  id name status errorMessage publicUrl primaryRegion readRegions options metadata
  addOnPlan { id name displayName } organization { id slug }
"""

LIST = f"""
query($slug: String!, $type: AddOnType!) {{
  organization(slug: $slug) {{ id addOns(type: $type) {{ nodes {{ {_FIELDS} }} }} }}
}}"""

GET = f"query($name: String!, $provider: String!) {{ addOn(name: $name, provider: $provider) {{ {_FIELDS} }} }}"

PLANS = """
query($type: AddOnType!) {
  addOnPlans(type: $type) { nodes { id name displayName description maxDataSize pricePerMonth } }
}"""

ORGANIZATION = "query($slug: String!) { organization(slug: $slug) { id slug } }"

CREATE = f"mutation($input: CreateAddOnInput!) {{ createAddOn(input: $input) {{ addOn {{ {_FIELDS} }} }} }}"

UPDATE = f"mutation($input: UpdateAddOnInput!) {{ updateAddOn(input: $input) {{ addOn {{ {_FIELDS} }} }} }}"

DELETE = "mutation($input: DeleteAddOnInput!) { deleteAddOn(input: $input) { deletedAddOnName } }"


class RedisPlan(msgspec.Struct, frozen=True):
    """One managed Redis plan; price in US cents a month."""

    id: str
    name: str
    price_cents: int = 0
    max_size: str = ""


class ManagedRedis(msgspec.Struct, frozen=True):
    """One managed Redis database.

    `options` and `metadata` are kept as read: an update must send them back or lose them.
    """

    id: str
    name: str
    url: Secret
    status: str = ""
    plan_id: str = ""
    plan: str = ""
    region: str = ""
    org: str = ""
    eviction: bool = False
    read_regions: tuple[str, ...] = ()
    options: Mapping[str, Any] = msgspec.field(default_factory=dict)
    metadata: Mapping[str, Any] = msgspec.field(default_factory=dict)
    error: str = ""

    @classmethod
    def read(cls, raw: Raw) -> ManagedRedis:
        """From the GraphQL add-on record."""
        plan = pick(raw, "addOnPlan")
        options = pick(raw, "options", default={})
        return cls(
            id=str(pick(raw, "id", default="")),
            name=str(pick(raw, "name", default="")),
            url=Secret(str(pick(raw, "publicUrl", default=""))),
            status=str(pick(raw, "status", default="")),
            plan_id=str(pick(plan, "id", default="")),
            plan=str(pick(plan, "displayName", "name", default="")),
            region=str(pick(raw, "primaryRegion", default="")),
            org=str(pick(pick(raw, "organization"), "slug", default="")),
            eviction=bool(pick(options, "eviction", default=False)),
            read_regions=tuple(map(str, pick(raw, "readRegions", default=()))),
            options=dict(options),
            metadata=dict(pick(raw, "metadata", default={})),
            error=str(pick(raw, "errorMessage", default="")),
        )


class RedisApi:
    """The organisation's managed Redis databases."""

    def __init__(self, api: FlyApi) -> None:
        self._api = api

    def all(self, org: str) -> dict[str, ManagedRedis]:
        """Every database of the organisation, by name. Raises FlyError as Fly refuses."""
        doing = f"listing the Redis databases of {org}"
        data = self._api.query(doing, LIST, {"slug": org, "type": PROVIDER})
        found = (ManagedRedis.read(r) for r in rows(pick(pick(data.get("organization"), "addOns"), "nodes")))
        return {database.name: database for database in found}

    def get(self, name: str) -> ManagedRedis | None:
        """One database, or None. Raises FlyError as Fly refuses."""
        try:
            data = self._api.query(f"reading the Redis database {name}", GET, {"name": name, "provider": PROVIDER})
        except FlyError as error:
            if error.code in (NOT_FOUND, APP_MISSING) or "Could not find" in error.why:
                return None
            raise
        raw = data.get("addOn")
        return ManagedRedis.read(raw) if isinstance(raw, Mapping) else None

    def plans(self) -> list[RedisPlan]:
        """The plans Fly offers, cheapest first. Raises FlyError as Fly refuses."""
        data = self._api.query("listing Fly's Redis plans", PLANS, {"type": PROVIDER})
        found = [
            RedisPlan(
                id=str(pick(r, "id", default="")),
                name=str(pick(r, "displayName", "name", default="")),
                price_cents=whole(pick(r, "pricePerMonth")) or 0,
                max_size=str(pick(r, "maxDataSize", default="")),
            )
            for r in rows(pick(data.get("addOnPlans"), "nodes"))
        ]
        return sorted(found, key=lambda plan: plan.price_cents)

    def plan(self, wanted: str) -> RedisPlan:
        """The plan with this display name or id.

        Raises:
            FlyError: FLY-010 when Fly has none; lists those it has.
        """
        plans = self.plans()
        for plan in plans:
            if wanted.casefold() in (plan.name.casefold(), plan.id.casefold()):
                return plan
        names = ", ".join(plan.name for plan in plans)
        raise FlyError(
            BAD_PLAN, f"Fly has no Redis plan '{wanted}'", f"it has: {names}", "correct redis.plan in ops/stack.toml"
        )

    def create(self, name: str, org: str, region: str, plan: str) -> ManagedRedis:
        """Create a database without replicas and without eviction.

        Args:
            name: its name, unique in the organisation.
            org: organisation slug.
            region: region code; fixed for its life.
            plan: a plan's display name or id.

        Raises:
            FlyError: FLY-006 no such organisation, FLY-010 no such plan, and as Fly refuses otherwise.
        """
        plan_id = self.plan(plan).id
        data = self._api.query(f"reading the organisation {org}", ORGANIZATION, {"slug": org})
        org_id = pick(data.get("organization"), "id")
        if not org_id:
            raise FlyError(BAD_ORG, f"Fly knows no organisation {org}", next="check fly.org in ops/stack.toml")
        wanted = {
            "organizationId": org_id,
            "type": PROVIDER,
            "name": name,
            "planId": plan_id,
            "primaryRegion": region,
            "readRegions": [],
            "options": {},
        }
        data = self._api.mutate(f"creating the Redis database {name}", CREATE, {"input": wanted})
        return ManagedRedis.read(pick(data.get("createAddOn"), "addOn", default={}))

    def update(self, database: ManagedRedis, *, plan: str | None = None, eviction: bool | None = None) -> ManagedRedis:
        """Change plan or eviction; everything else is sent back as it was read.

        Args:
            database: as `get` returned it.
            plan: display name or id of the new plan.
            eviction: whether keys may be evicted when it is full.
        """
        # ProdPack is its own argument of the mutation; in `options` it would be refused.
        options: dict[str, Any] = {k: v for k, v in database.options.items() if k not in ("prod_pack", "eviction")}
        if database.eviction if eviction is None else eviction:
            options["eviction"] = True
        wanted = {
            "addOnId": database.id,
            "planId": self.plan(plan).id if plan else database.plan_id,
            "readRegions": list(database.read_regions),
            "options": options,
            "metadata": dict(database.metadata),
        }
        data = self._api.mutate(f"changing the Redis database {database.name}", UPDATE, {"input": wanted})
        return ManagedRedis.read(pick(data.get("updateAddOn"), "addOn", default={}))

    def delete(self, name: str) -> None:
        """Delete a database and all in it."""
        self._api.mutate(f"deleting the Redis database {name}", DELETE, {"input": {"name": name, "provider": PROVIDER}})
