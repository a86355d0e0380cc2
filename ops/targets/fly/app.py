"""Part 3.1: the Fly apps, and addresses for the one that is public."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.fly.seen import Address, Gone

if TYPE_CHECKING:
    from ops.targets.fly.account import Account
    from ops.targets.workspace import Workspace

PUBLIC = ("shared_v4", "v6")


def apps(workspace: Workspace) -> tuple[str, ...]:
    """The stack's apps, the public one first."""
    stack = workspace.stack
    stores = (stack.clickhouse.app, *((stack.storage.app,) if stack.storage.provider == "minio" else ()))
    return (stack.fly.app, *stores)


class Apps:
    """The apps are there; the gateway's has a shared IPv4 and an IPv6 address, the stores' have no public one."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def _addresses(self, app: str) -> list[Address]:
        try:
            return self.account.addresses(app)
        except Gone:
            return []

    def look(self, workspace: Workspace) -> Look:
        """Whether the apps are there, and their addresses as wanted."""
        names = apps(workspace)
        there, *found = self.account.together(
            self.account.apps, *(lambda name=name: self._addresses(name) for name in names)
        )
        absent = [name for name in names if name not in there]
        if absent:
            return missing(f"not in the organisation {self.account.org}: {', '.join(absent)}")
        addresses: dict[str, list[Address]] = dict(zip(names, found, strict=True))
        own = addresses[names[0]]
        lines = [f"{names[0]}: no {kind} address → one" for kind in PUBLIC if not _has(own, kind)]
        for store in names[1:]:
            public = (address.text for address in addresses[store] if address.public)
            lines += [f"{store}: public address {text} → none" for text in public]
        if lines:
            return drifted("addresses are not as described", "\n".join(lines))
        shown = ", ".join(address.text for address in own if address.public)
        return satisfied(f"{', '.join(names)} in {self.account.org}; public: {shown}, the stores none")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Create what is missing.

        Raises:
            FlyError: FLY-007 a stranger has the name, FLY-008 no payment method, and as flyctl fails otherwise.
        """
        with self.account.acting() as client:
            there = self.account.apps()
            names = apps(workspace)
            for name in names:
                if name not in there:
                    say(f"creating the app {name}")
                    client.create_app(name, self.account.org)
            own = self._addresses(names[0])
            if not _has(own, "shared_v4"):
                say("allocating a shared IPv4 address")
                client.allocate_shared_v4(names[0])
            if not _has(own, "v6"):
                say("allocating an IPv6 address")
                client.allocate_v6(names[0])
            for store in names[1:]:
                for address in self._addresses(store):
                    if address.public:
                        say(f"releasing the public address {address.text} of {store}")
                        doing = f"releasing an address of {store}"
                        client.cli.run(doing, "ips", "release", address.text, "-a", store)


def _has(addresses: list[Address], kind: str) -> bool:
    """Whether there is an address of this kind; a dedicated IPv4 does for a shared one."""
    kinds = {address.kind for address in addresses}
    return kind in kinds or (kind == "shared_v4" and "v4" in kinds)
