"""Part 3.2: each process's variables, in a file of its own that only its owner can read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied, unknown
from ops.targets.local import edge, gateway, langfuse, storage, tools, watch
from ops.targets.local.layout import read, write_private
from ops.targets.local.variables import environment_text

if TYPE_CHECKING:
    from pathlib import Path

    from ops.runbook.secret import Secret
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace


class Secrets:
    """Every process has its own variables as the vault has them now, and nobody else's."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.layout = rehearsal.layout

    def look(self, workspace: Workspace) -> Look:
        """Whether every process's file of variables is as the vault and the stage say."""
        if "edge_https" not in self.rehearsal.ports.known():
            return unknown("the ports are not picked yet", until="3.1")
        try:
            consumers = self._consumers(workspace)
            files = self._files(workspace, consumers)
        except RunbookError as error:
            if error.code != "VAULT-013":
                raise
            return unknown(error.what, until="1.4")
        have = {file: read(file) for file in files}
        if absent := [file.stem for file in files if have[file] is None]:
            return missing(f"no variables yet for {', '.join(absent)}")
        changed = {file.stem: _changed(have[file] or "", text) for file, text in files.items() if have[file] != text}
        if changed:
            lines = "\n".join(f"{name}: {', '.join(names) or 'form'}" for name, names in changed.items())
            return drifted(f"not as in the vault: {', '.join(changed)}", lines)
        pending = {who: pending for who, sent in consumers.items() if (pending := workspace.vault.pending(who, sent))}
        if pending:
            return drifted("; ".join(f"{who}: {what}" for who, what in pending.items()))
        count = sum(len(sent) for sent in consumers.values())
        return satisfied(
            f"{count} secrets handed to {', '.join(consumers)}, each its own ({langfuse.stage(self.layout)})"
        )

    def act(self, workspace: Workspace, say: Say) -> None:
        """Write the files that differ, and note in the vault what was handed to whom.

        Raises:
            RunbookError: VAULT-013 the vault lacks a value.
        """
        consumers = self._consumers(workspace)
        for file, text in self._files(workspace, consumers).items():
            if read(file) != text:
                say(f"writing the variables of {file.stem}")
                write_private(file, text)
        for consumer, sent in consumers.items():
            workspace.vault.mark_sent(consumer, sent)

    def _consumers(self, workspace: Workspace) -> dict[str, dict[str, Secret]]:
        """What the vault has for whom, by the names their start scripts read."""
        from ops.vault import contract, deliver

        rules = contract.read()
        database: deliver.Database = "pooled" if langfuse.stage(self.layout) == langfuse.POOLED else "direct"
        return {
            who: deliver.for_consumer(workspace.vault, rules, workspace.stack, who, database=database)
            for who in ("gateway", "ui", "watch")
        }

    def _files(self, workspace: Workspace, consumers: dict[str, dict[str, Secret]]) -> dict[Path, str]:
        """Every private file and what it must say."""
        given = {who: {name: secret.reveal() for name, secret in sent.items()} for who, sent in consumers.items()}
        variables = {
            gateway.NAME: {**given["gateway"], **gateway.variables(self.rehearsal)},
            langfuse.OPENAI: langfuse.openai_variables(workspace, given["gateway"]),
            langfuse.LANGFUSE: langfuse.langfuse_variables(workspace, self.rehearsal, given["ui"]),
            edge.NAME: {},
            watch.SMTP: {"SMTP_STANDIN_PASSWORD": workspace.vault.get("SMTP_PASSWORD").reveal()},
            watch.NAME: watch.variables(workspace, self.rehearsal, given["watch"]),
        }
        files = {}
        if tools.find("weed") is not None:
            variables[storage.NAME] = {"TMPDIR": str(self.layout.run)}
            files[self.layout.data(storage.NAME) / "s3.json"] = storage.identities(
                workspace.vault, workspace.stack.storage.bucket
            )
        for name, values in variables.items():
            files[self.layout.env / f"{name}.json"] = environment_text(self.layout, values)
        return files


def _changed(have: str, want: str) -> list[str]:
    """Names of the variables that differ; no values."""
    try:
        old, new = json.loads(have), json.loads(want)
    except ValueError:
        return []
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
