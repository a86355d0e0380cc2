"""Part 3.2: each consumer's secrets in a private file of its own; they come into service with its container."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied, unknown
from ops.targets.containers import inside
from ops.targets.local.layout import read, write_private

if TYPE_CHECKING:
    from pathlib import Path

    from ops.runbook.secret import Secret
    from ops.targets.containers.project import Project
    from ops.targets.workspace import Workspace
    from ops.vault.deliver import Database

DIRECT, POOLED = "direct", "pooled"


class Secrets:
    """Every consumer has its secrets as the vault has them now, and nobody else's."""

    def __init__(self, project: Project) -> None:
        self.project = project

    @property
    def stage(self) -> Database:
        """By which connection Langfuse works: direct until its first migrations are done (3.5), then pooled."""
        return "pooled" if (read(self.project.state / "stage") or "").strip() == POOLED else "direct"

    def set_stage(self, stage: Database) -> None:
        """Remember the connection that Langfuse is to work by."""
        write_private(self.project.state / "stage", stage + "\n")

    def handed(self, consumer: str) -> dict[str, str]:
        """What a consumer was given last, by environment name; empty before.

        Args:
            consumer: one of the contract's.
        """
        text = read(self._file(consumer))
        return dict(json.loads(text)) if text else {}

    def look(self, workspace: Workspace) -> Look:
        """Whether each consumer has its secrets, as the vault has them."""
        try:
            wanted = self._wanted(workspace)
        except RunbookError as error:
            if error.code != "VAULT-013":
                raise
            return unknown(error.what, until="1.4")
        if absent := [who for who in wanted if not self._file(who).exists()]:
            return missing(f"no secrets yet for {', '.join(absent)}")
        changed = [who for who, sent in wanted.items() if self.handed(who) != self._within(sent)]
        changed += [who for who, sent in wanted.items() if who not in changed and workspace.vault.pending(who, sent)]
        if changed:
            return drifted(f"not as in the vault: {', '.join(changed)}")
        counts = ", ".join(f"{len(sent)} of {who}" for who, sent in wanted.items())
        return satisfied(f"as in the vault: {counts} ({self.stage} connection)")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Hand each consumer its secrets, in files of its own."""
        for who, sent in self._wanted(workspace).items():
            if self.handed(who) != self._within(sent):
                say(f"handing {len(sent)} secrets to {who}")
                write_private(self._file(who), json.dumps(self._within(sent), indent=1, sort_keys=True) + "\n")
            workspace.vault.mark_sent(who, sent)

    def _within(self, sent: dict[str, Secret]) -> dict[str, str]:
        return {name: inside.from_within(self.project, secret.reveal()) for name, secret in sent.items()}

    def _file(self, consumer: str) -> Path:
        return self.project.state / "secrets" / f"{consumer}.json"

    def _wanted(self, workspace: Workspace) -> dict[str, dict[str, Secret]]:
        from ops.vault import contract, deliver

        rules = contract.read()
        minio = workspace.stack.storage.provider == "minio"
        consumers = ("gateway", "ui", "worker", "clickhouse", *(("minio",) if minio else ()))
        return {
            who: deliver.for_consumer(workspace.vault, rules, workspace.stack, who, database=self.stage)
            for who in consumers
        }
