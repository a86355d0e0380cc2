"""What `stack.toml` says of Fly: machines by process group, place and prices."""

from __future__ import annotations

from ops.description.table import Table


class Group(Table, frozen=True):
    """A process group of the gateway's app: how many machines; memory (MB) and shared CPUs of each."""

    count: int
    memory_mb: int
    cpus: int


class Groups(Table, frozen=True):
    """The tables `fly.groups.*`: one per process group of the gateway's app."""

    edge: Group
    gateway: Group
    ui: Group
    worker: Group
    watch: Group


class FlyPrices(Table, frozen=True):
    """The table `fly.prices`: what Fly charges, in USD a month.

    Attributes:
        as_of: the date of the prices, as in ``2026-08-07``.
        shared_cpu: for a shared CPU with its 256 MB of memory.
        memory_gb, volume_gb, snapshot_gb: for each GB; of snapshots, `snapshots_free_gb` cost nothing.
        region_markups: by region, the factor on the price of a machine.
        redis_plans, redis_bandwidth_gb: by plan of managed Redis, USD a month and the GB of traffic included.
        certificate: for each certificate; `certificates_free` of them cost nothing.
    """

    as_of: str
    shared_cpu: float
    memory_gb: float
    volume_gb: float
    snapshot_gb: float
    snapshots_free_gb: float
    region_markups: dict[str, float]
    redis_bandwidth_gb: dict[str, int]
    certificates_free: int
    certificate: float
    redis_plans: dict[str, float]


class Fly(Table, frozen=True):
    """The table `fly`: the gateway's app, its organisation and region, and the oldest flyctl that will do."""

    app: str
    org: str
    region: str
    min_flyctl: str
    groups: Groups
    prices: FlyPrices
