"""Parts 3.3.3 and 3.5: the gateway and the stand-ins run; Langfuse goes over to the pooled connection."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.targets.local import gateway, langfuse, watch, web
from ops.targets.local.layout import write_private

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.local.secrets import Secrets
    from ops.targets.workspace import Workspace


class Release:
    """The stand-ins and LiteLLM run, started from what is there now, and say they are well."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.layout = rehearsal.layout

    def look(self, workspace: Workspace) -> Look:
        """Whether the gateway and both stand-ins run from what is there now, and answer."""
        problem = gateway.standing_problem(self.rehearsal, workspace)
        if problem:
            return missing(problem)
        ports = self.rehearsal.ports
        for name in (langfuse.OPENAI, langfuse.LANGFUSE):
            found = self.rehearsal.standing(langfuse.program(self.layout, name, ports.peek(name)))
            if not found.satisfied:
                return found
        found = self.rehearsal.standing(gateway.program(self.layout), *gateway.inputs(self.layout))
        if not found.satisfied:
            return found
        found = watch.standing(self.rehearsal)
        if not found.satisfied:
            return found
        if not langfuse.openai_ready(ports.peek(langfuse.OPENAI)):
            return drifted("the OpenAI stand-in does not answer")
        if langfuse.info(ports.peek(langfuse.LANGFUSE)) is None:
            return drifted("the Langfuse stand-in does not answer")
        port = ports.peek(gateway.NAME)
        code = web.status(port, gateway.READY_PATH)
        if code != 200:
            return drifted(f"the gateway on 127.0.0.1:{port} answers {code or 'nothing'} to {gateway.READY_PATH}")
        return satisfied(
            f"LiteLLM ready on 127.0.0.1:{port}, by bin/start-litellm.sh; stand-ins for OpenAI and Langfuse"
        )

    def act(self, workspace: Workspace, say: Say) -> None:
        """Start the gateway and both stand-ins, side by side.

        Raises:
            RunbookError: LOCAL-008 the gateway cannot be started from what is there; LOCAL-003 a stranger has a port;
                LOCAL-004 no supervisor; LOCAL-005 one of them does not come up.
        """
        problem = gateway.standing_problem(self.rehearsal, workspace)
        if problem:
            raise RunbookError("LOCAL-008", f"the gateway cannot be started: {problem}", next="inv build.all")
        # Side by side: none waits for another at its start, and each takes its seconds.
        with ThreadPoolExecutor(3) as pool:
            started = [
                pool.submit(start, workspace, say) for start in (self._gateway, self.start_langfuse, self._openai)
            ]
            errors = [error for future in started if (error := future.exception()) is not None]
        if errors:
            raise errors[0]
        watch.start(self.rehearsal, say)

    def _openai(self, workspace: Workspace, say: Say) -> None:
        port = self.rehearsal.ports.get(langfuse.OPENAI)
        program = langfuse.program(self.layout, langfuse.OPENAI, port)
        self.rehearsal.start(program, lambda: langfuse.openai_ready(port), say, timeout=60)

    def start_langfuse(self, workspace: Workspace, say: Say) -> None:
        """Have the Langfuse stand-in running with its variables as they are now."""
        port = self.rehearsal.ports.get(langfuse.LANGFUSE)
        program = langfuse.program(self.layout, langfuse.LANGFUSE, port)
        self.rehearsal.start(program, lambda: langfuse.info(port) is not None, say, timeout=60)

    def _gateway(self, workspace: Workspace, say: Say) -> None:
        port = self.rehearsal.ports.get(gateway.NAME)
        inputs = gateway.inputs(self.layout)
        self.rehearsal.start(
            gateway.program(self.layout), lambda: gateway.is_ready(port), say, inputs=inputs, timeout=gateway.START_S
        )


class Pooled:
    """Langfuse works over the pooled port, while its migrations keep the direct one."""

    def __init__(self, rehearsal: Rehearsal, secrets: Secrets, release: Release) -> None:
        self.rehearsal = rehearsal
        self.secrets = secrets
        self.release = release

    def look(self, workspace: Workspace) -> Look:
        """Whether the Langfuse stand-in has the pooled URL, runs, and says itself that it uses it."""
        layout, ports = self.rehearsal.layout, self.rehearsal.ports
        if langfuse.stage(layout) != langfuse.POOLED:
            return missing("Langfuse has not been told to use the pooled connection")
        handed = self.secrets.look(workspace)
        if not handed.satisfied:
            return handed
        found = self.rehearsal.standing(langfuse.program(layout, langfuse.LANGFUSE, ports.peek(langfuse.LANGFUSE)))
        if not found.satisfied:
            return found
        return self._connected(ports.peek(langfuse.LANGFUSE))

    def _connected(self, port: int) -> Look:
        """Ask the process itself by which ports it has migrated and reads."""
        if web.status(port, langfuse.DATABASE_PATH) != 200:
            return drifted("Langfuse says its database cannot be reached")
        database = (langfuse.info(port) or {}).get("database") or {}
        reads, migrates = (_port(database.get(key)) for key in ("connected", "direct_url"))
        pooled, direct = self.rehearsal.ports.peek("pooler"), self.rehearsal.ports.peek("postgres")
        if (reads, migrates) != (pooled, direct):
            return drifted(
                "Langfuse is connected elsewhere",
                f"reads: {reads} → {pooled}\nmigrates: {migrates} → {direct}",
            )
        return satisfied(f"Langfuse reads over the pooled port {pooled}, migrates over the direct port {direct}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Record the stage, hand out the pooled URL, and start the Langfuse stand-in anew.

        Raises:
            RunbookError: as `Secrets.act` and the start of a server raise.
        """
        write_private(self.rehearsal.layout.stage, langfuse.POOLED + "\n")
        self.secrets.act(workspace, say)
        self.release.start_langfuse(workspace, say)


def _port(where: object) -> int:
    return urlsplit(f"//{where}").port or 0 if isinstance(where, str) else 0
