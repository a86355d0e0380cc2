"""Part 1.4: managed Redis. Fixed plan, eviction off, in the machines' region; its URL goes into the vault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.interrupt import wait_until
from ops.runbook.step import Look, Say, blocked, drifted, missing, satisfied

if TYPE_CHECKING:
    from ops.services.fly.redis import ManagedRedis
    from ops.targets.fly.account import Account
    from ops.targets.workspace import Workspace

READY_S = 180.0


def databases(workspace: Workspace) -> dict[str, str]:
    """The databases of the stack: name at Fly → name of its URL in the vault."""
    redis = workspace.stack.redis
    return {redis.name: "REDIS_URL", **({redis.queue_name: "QUEUE_REDIS_URL"} if redis.queue_name else {})}


def trouble(found: ManagedRedis) -> str:
    """Why Fly says a database is not in service; empty when it does not say so."""
    ill = any(word in found.status.casefold() for word in ("error", "fail", "suspend", "delet"))
    return " ".join(filter(None, (found.status if ill else "", found.error)))


class Redis:
    """The databases are there, as described, and the vault has their URLs."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def look(self, workspace: Workspace) -> Look:
        """Whether the databases are as described; blocked where only a person can mend that."""
        there = self.account.databases()
        wanted = databases(workspace)
        absent = [name for name in wanted if name not in there]
        if absent:
            return missing(f"no managed Redis {', '.join(absent)} in {self.account.org}")
        region = workspace.stack.fly.region
        for name in wanted:
            if there[name].region != region:
                return blocked(
                    f"{name} is in {there[name].region}, the stack in {region}: a database stays where it was made",
                    next=f"flyctl redis destroy {name} (its content is lost), or set fly.region = {there[name].region}",
                )
        for name in wanted:
            ailing = trouble(there[name])
            if ailing:
                return blocked(
                    f"{name} is not in service: {ailing}",
                    next=f"flyctl redis status {name}; Fly's support, if it stays so (https://community.fly.io)",
                )
        lines = [line for name, secret in wanted.items() for line in self._lines(workspace, there[name], secret)]
        if lines:
            return drifted("managed Redis is not as described", "\n".join(lines))
        plan = workspace.stack.redis.plan
        states = ", ".join(f"{name} {there[name].status or 'there'}" for name in wanted)
        return satisfied(f"{states} in {region}: {plan}, eviction off; URL in the vault")

    def _lines(self, workspace: Workspace, found: ManagedRedis, secret: str) -> list[str]:
        plan = workspace.stack.redis.plan
        lines = []
        if plan.casefold() not in (found.plan.casefold(), found.plan_id.casefold()):
            lines.append(f"{found.name}: plan {found.plan} → {plan}")
        if found.eviction:
            lines.append(f"{found.name}: eviction on → off (limits and jobs would be dropped at random)")
        if not workspace.vault.has(secret):
            lines.append(f"{secret}: not in the vault → there")
        elif workspace.vault.get(secret) != found.url:
            lines.append(f"{secret}: not the database's → the database's")
        return lines

    def act(self, workspace: Workspace, say: Say) -> None:
        """Create or change what differs; take the URL over.

        Raises:
            FlyError: FLY-008 no payment method, FLY-010 no such plan, and as Fly fails otherwise;
                RunbookError: FLY-044 it does not get ready.
        """
        stack = workspace.stack
        with self.account.acting() as client:
            there = self.account.databases()
            for name, secret in databases(workspace).items():
                found = there.get(name)
                if found is None:
                    say(f"creating the managed Redis {name} ({stack.redis.plan}, {stack.fly.region})")
                    found = client.redis.create(name, self.account.org, stack.fly.region, stack.redis.plan)
                plan_differs = stack.redis.plan.casefold() not in (found.plan.casefold(), found.plan_id.casefold())
                if plan_differs or found.eviction:
                    say(f"changing the managed Redis {name}")
                    plan = stack.redis.plan if plan_differs else None
                    found = client.redis.update(found, plan=plan, eviction=False)
                found = self._ready(name, found, say)
                workspace.vault.put({secret: found.url}, origin="provisioned")

    def _ready(self, name: str, found: ManagedRedis, say: Say) -> ManagedRedis:
        """The database once it has a URL."""
        held = [found]

        def ready() -> bool:
            if not held[0].url.reveal():
                held[0] = self.account.databases().get(name, held[0])
            return bool(held[0].url.reveal())

        what = f"the managed Redis {name} to be ready"
        wait_until(ready, what=what, timeout=READY_S, every=1.0, say=say, code="FLY-044", next="inv setup.redis")
        return held[0]
