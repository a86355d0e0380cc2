"""What Fly offers: regions, sizes of machines and volumes, counts. A stack is checked against it before a deploy.

From Fly's documentation as of 2026-08: machine presets (flyctl v0.4.87, MachinePresets), regions, volumes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.description.stack import ClickHouse, Stack, Storage

REGIONS = frozenset(
    (
        *("ams", "arn", "bom", "cdg", "dfw", "ewr", "fra", "gru", "iad"),
        *("jnb", "lax", "lhr", "nrt", "ord", "sin", "sjc", "syd", "yyz"),
    )
)
SHARED_CPUS = (1, 2, 4, 6, 8)
STEP_MB = 256
LEAST_MB_PER_CPU, MOST_MB_PER_CPU = 256, 2048
MOST_VOLUME_GB = 500
MOST_MACHINES = 20  # of one group


def faults(stack: Stack) -> Iterator[str]:
    """What Fly would refuse, each as `key: sentence`."""
    if stack.fly.region not in REGIONS:
        yield f"fly.region: Fly has no region '{stack.fly.region}'; it has {', '.join(sorted(REGIONS))}"
    for name, group in stack.groups.items():
        if not 1 <= group.count <= MOST_MACHINES:
            yield f"fly.groups.{name}.count: 1 to {MOST_MACHINES} machines, not {group.count}"
        yield from _size(f"fly.groups.{name}", group.cpus, group.memory_mb)
    yield from _store("clickhouse", stack.clickhouse)
    if stack.storage.provider == "minio":
        yield from _store("storage", stack.storage)


def _store(name: str, store: ClickHouse | Storage) -> Iterator[str]:
    yield from _size(name, store.cpus, store.memory_mb)
    least, most = store.volume_gb, store.volume_max_gb
    if not 1 <= least <= most <= MOST_VOLUME_GB:
        yield f"{name}.volume_gb, volume_max_gb: 1 to {MOST_VOLUME_GB}, the second not below the first: {least}, {most}"


def _size(where: str, cpus: int, memory_mb: int) -> Iterator[str]:
    if cpus not in SHARED_CPUS:
        yield f"{where}.cpus: Fly has machines of {', '.join(map(str, SHARED_CPUS))} shared CPUs, not {cpus}"
        return
    least, most = cpus * LEAST_MB_PER_CPU, cpus * MOST_MB_PER_CPU
    if memory_mb % STEP_MB or not least <= memory_mb <= most:
        yield f"{where}.memory_mb: {cpus} shared CPUs have {least} to {most} MB, in steps of {STEP_MB}, not {memory_mb}"
