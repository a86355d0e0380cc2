"""`inv plan --cost`: what the described stack costs a month, from the prices in the stack file."""

from __future__ import annotations

from dataclasses import dataclass

from ops.description.stack import Stack
from ops.runbook.errors import RunbookError
from ops.runbook.report import document

INCLUDED_MB_PER_CPU = 256


@dataclass(frozen=True)
class Item:
    """One line of the bill, USD a month."""

    name: str
    detail: str
    usd: float


def estimate(stack: Stack) -> list[Item]:
    """Every machine, volume and plan of the stack; traffic and OpenAI itself are not in it.

    Snapshots are counted as full copies of their volumes, which is the most they can be while little changes.

    Raises:
        RunbookError: COST-001 for a Redis plan without a price.
    """
    prices = stack.fly.prices
    items = []
    for name, group in stack.groups.items():
        items.append(_machine(stack, f"{stack.fly.app} {name}", group.count, group.cpus, group.memory_mb))
    stores = [(stack.clickhouse.app, stack.clickhouse)]
    if stack.storage.provider == "minio":
        stores.append((stack.storage.app, stack.storage))  # type: ignore[arg-type]
    for app, store in stores:
        items.append(_machine(stack, app, 1, store.cpus, store.memory_mb))
        items.append(Item(f"{app} volume", f"{store.volume_gb} GB", store.volume_gb * prices.volume_gb))
    stored = sum(store.volume_gb for _, store in stores)
    charged_gb = max(0.0, stored - prices.snapshots_free_gb)
    detail = f"{stored} GB at most, {prices.snapshots_free_gb:g} free"
    items.append(Item("volume snapshots", detail, charged_gb * prices.snapshot_gb))
    plan = prices.redis_plans.get(stack.redis.plan)
    if plan is None:
        raise RunbookError(
            "COST-001",
            f"fly.prices.redis_plans has no price for the plan '{stack.redis.plan}'",
            next="add it in ops/stack.toml",
        )
    databases = 2 if stack.redis.queue_name else 1
    bandwidth = prices.redis_bandwidth_gb.get(stack.redis.plan)
    carries = f", {bandwidth} GB of traffic a month each, slower beyond" if bandwidth else ""
    items.append(Item(stack.redis.name, f"{databases} x {stack.redis.plan}{carries}", databases * plan))
    names = {stack.domains.gateway, stack.domains.langfuse}
    charged = max(0, len(names) - prices.certificates_free)
    items.append(Item("certificates", f"{len(names)}, {charged} charged", charged * prices.certificate))
    return items


def _machine(stack: Stack, name: str, count: int, cpus: int, memory_mb: int) -> Item:
    prices = stack.fly.prices
    extra_gb = max(0, memory_mb - cpus * INCLUDED_MB_PER_CPU) / 1024
    region = stack.fly.region
    markup = prices.region_markups.get(region)
    each = (cpus * prices.shared_cpu + extra_gb * prices.memory_gb) * (markup or 1.0)
    note = f" (without {region}'s mark-up: set fly.prices.region_markups.{region})" if markup is None else ""
    return Item(name, f"{count} x shared-cpu-{cpus}x, {memory_mb} MB{note}", count * each)


def show(stack: Stack, json: bool) -> None:
    """Print the estimate, in USD a month, as a table or as one JSON document; errors as `estimate`."""
    items = estimate(stack)
    total = sum(item.usd for item in items)
    if json:
        rows = [{"name": item.name, "detail": item.detail, "usd": round(item.usd, 2)} for item in items]
        print(
            document(
                "cost", currency="USD", per="month", as_of=stack.fly.prices.as_of, items=rows, total=round(total, 2)
            )
        )
        return
    for item in items:
        print(f"{item.usd:>9.2f}  {item.name}: {item.detail}")
    print(f"{total:>9.2f}  USD a month at the prices of {stack.fly.prices.as_of}; OpenAI and traffic come on top")
    daily = sum(team.daily_usd for team in stack.resolved_teams if not team.mirrors)
    print(f"{daily:>9.2f}  USD a day at most for OpenAI: the sum of the teams' daily limits")
