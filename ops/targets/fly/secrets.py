"""Part 3.2: each app's secrets, staged over standard input, and how drift is seen without reading one back.

Two digests are compared: ours, keyed, in the vault, tells whether the value changed here since it was sent;
Fly's, opaque, remembered as it was right after our import, tells whether somebody set it there since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ops.runbook.errors import RunbookError
from ops.runbook.files import write_atomic
from ops.runbook.step import Look, Say, drifted, missing, satisfied, unknown
from ops.targets.fly.machine_config import ONLY_GROUP
from ops.targets.fly.seen import Gone

if TYPE_CHECKING:
    from pathlib import Path

    from ops.runbook.secret import Secret
    from ops.targets.fly.account import Account
    from ops.targets.fly.seen import Stored
    from ops.targets.workspace import Workspace
    from ops.vault.contract import Contract
    from ops.vault.deliver import Database

DIRECT, POOLED = "direct", "pooled"
DATABASE_URL = "LANGFUSE_DATABASE_URL"


@dataclass(frozen=True)
class Difference:
    """What an app's secrets at Fly lack.

    Attributes:
        new, changed: not sent yet; sent with another value.
        foreign: set at Fly by somebody else, or lost there, since we sent them.
        gone: sent once, no longer wanted.
    """

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.foreign or self.gone)

    @property
    def to_send(self) -> tuple[str, ...]:
        """Names of the secrets to send, sorted."""
        return tuple(sorted({*self.new, *self.changed, *self.foreign}))

    def __str__(self) -> str:
        parts = (
            ("new", self.new),
            ("changed", self.changed),
            ("not as we left them at Fly", self.foreign),
            ("no longer wanted", self.gone),
        )
        return "; ".join(f"{word}: {', '.join(names)}" for word, names in parts if names)


def consumers(workspace: Workspace) -> dict[str, tuple[str, ...]]:
    """Which of the contract's consumers each app holds: app → consumers."""
    stack = workspace.stack
    found: dict[str, tuple[str, ...]] = {
        stack.fly.app: tuple(name for name in stack.groups if name != "edge"),
        stack.clickhouse.app: ("clickhouse",),
    }
    if stack.storage.provider == "minio":
        found[stack.storage.app] = ("minio",)
    return found


class Secrets:
    """Every app has its secrets as the vault has them now, staged: a deploy or restart puts them in service."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def stage_file(self, workspace: Workspace) -> Path:
        """Says by which connection Langfuse works: direct until its first migrations are done, then (3.5) pooled."""
        return workspace.paths.state / "stage"

    def stage(self, workspace: Workspace) -> Database:
        """The connection Langfuse is to work by.

        On a machine that has not switched it itself, the one that was sent last, as the vault remembers it.
        """
        try:
            said = self.stage_file(workspace).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            said = POOLED if self._sent_pooled(workspace) else DIRECT
        return "pooled" if said == POOLED else "direct"

    def _sent_pooled(self, workspace: Workspace) -> bool:
        from ops.vault import deliver

        try:
            url = deliver.value(workspace.vault, self._contract, workspace.stack, DATABASE_URL, database="pooled")
        except RunbookError:
            return False  # not all there yet, so it was never sent
        pending = workspace.vault.pending(workspace.stack.fly.app, {DATABASE_URL: url})
        return not pending.new and not pending.changed

    def set_stage(self, workspace: Workspace, stage: str) -> None:
        """Remember the connection Langfuse is to work by."""
        write_atomic(self.stage_file(workspace), stage + "\n", 0o600)

    def wanted(self, workspace: Workspace, app: str) -> dict[str, Secret]:
        """An app's secrets: environment name → value. Raises VAULT-013 while one is not there yet."""
        from ops.vault import deliver

        return deliver.for_consumers(
            workspace.vault, self._contract, workspace.stack, consumers(workspace)[app], database=self.stage(workspace)
        )

    def readers(self, workspace: Workspace, app: str) -> dict[str, tuple[str, ...]]:
        """Which secrets each process group of an app reads, by their environment names.

        Raises:
            RunbookError: VAULT-013 while one is not there yet.
        """
        from ops.vault import deliver

        names = consumers(workspace)[app]
        if len(names) == 1:
            return {ONLY_GROUP: tuple(self.wanted(workspace, app))}
        of_all = self.wanted(workspace, app)  # at once: what two of them want of one name is settled there
        return {
            consumer: tuple(
                name
                for name in deliver.for_consumers(
                    workspace.vault, self._contract, workspace.stack, (consumer,), database=self.stage(workspace)
                )
                if name in of_all
            )
            for consumer in names
        }

    @cached_property
    def _contract(self) -> Contract:
        """A part of the checkout, as the code is: read once, where a run with nothing to do asks for it ten times."""
        from ops.vault import contract

        return contract.read()

    def difference(self, workspace: Workspace, app: str, wanted: Mapping[str, Secret]) -> Difference:
        """What an app lacks. Raises Gone."""
        stored = self.account.secrets(app)
        pending = workspace.vault.pending(app, wanted)
        left = self.account.memory.get("secrets", app)
        known = [name for name in wanted if name not in pending.new and name not in pending.changed]
        foreign = tuple(sorted(name for name in known if not _as_left(name, stored, left)))
        gone = tuple(name for name in pending.gone if name in stored)
        return Difference(pending.new, pending.changed, foreign, gone)

    def look(self, workspace: Workspace) -> Look:
        """Compare each app's secrets with the vault's; not knowable while the vault lacks one of them."""
        try:
            wanted = {app: self.wanted(workspace, app) for app in consumers(workspace)}
        except RunbookError as error:
            if error.code != "VAULT-013":
                raise
            return unknown(error.what, until="1.4")
        try:
            found = self.account.together(
                *(lambda app=app, own=own: self.difference(workspace, app, own) for app, own in wanted.items())
            )
        except Gone as gone:
            return missing(f"there is no app {gone} yet")
        differences = {app: difference for app, difference in zip(wanted, found, strict=True) if difference}
        if differences:
            lines = "\n".join(f"{app}: {difference}" for app, difference in differences.items())
            return drifted(f"not as in the vault: {', '.join(differences)}", lines)
        counts = ", ".join(f"{len(own)} of {app}" for app, own in wanted.items())
        return satisfied(f"as in the vault: {counts} ({self.stage(workspace)} connection)")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Stage what differs, app by app; errors as `send`."""
        for app in consumers(workspace):
            self.send(workspace, app, say)

    def send(self, workspace: Workspace, app: str, say: Say) -> None:
        """Bring one app's secrets to what the vault has; staged. Sends what differs and nothing else.

        Raises:
            RunbookError: VAULT-013 the vault lacks a value.
            FlyError: as flyctl fails.
        """
        wanted = self.wanted(workspace, app)
        with self.account.acting() as client:
            difference = self.difference(workspace, app, wanted)
            if difference.to_send:
                say(f"staging {len(difference.to_send)} secrets of {app}")
                client.import_secrets(app, {name: wanted[name] for name in difference.to_send})
            if difference.gone:
                say(f"removing {', '.join(difference.gone)} from {app}")
                client.unset_secrets(app, difference.gone)
            last = self.account.memory.get("deployed", app)
            if last and difference:
                self.account.memory.put("deployed", app, _unserved(last, (*difference.to_send, *difference.gone)))
            if difference:
                # flyctl asks for at least the version it has just written.
                digests = {name: state.digest for name, state in client.secrets(app).items() if name in wanted}
                self.account.wait_for_secrets(app, digests)
                self.account.memory.put("secrets", app, digests)
            workspace.vault.mark_sent(app, wanted)


def _unserved(last: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    """What is remembered of a deploy, without these secrets: whoever has them may have another value by now."""
    served = {
        group: {**kept, "digests": {n: digest for n, digest in kept.get("digests", {}).items() if n not in names}}
        for group, kept in (last.get("served") or {}).items()
    }
    return {**last, "served": served}


def _as_left(name: str, stored: Mapping[str, Stored], left: Mapping[str, object]) -> bool:
    """Whether Fly still shows what it showed after our import."""
    return name in stored and name in left and stored[name].digest == left[name]
