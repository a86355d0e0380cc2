"""A small production for the crash matrix: five cheap steps with the real vault, journal, outbox, reporter and courier.

Run as a program, with the folder it keeps everything in.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
import sys
from pathlib import Path
from typing import Any

from ops.reports.completion import complete
from ops.reports.milestones import Reporter
from ops.reports.recording import Recorder, outbox, scripts
from ops.runbook import proc, run
from ops.runbook.courier import Courier, deliver
from ops.runbook.files import write_atomic
from ops.runbook.journal import Journal
from ops.runbook.lock import held
from ops.runbook.secret import Secret
from ops.runbook.step import Look, Say, Step, missing, satisfied
from ops.session.compose import compose
from ops.vault.store import Vault

MADE = ("FIRST_KEY", "SECOND_KEY", "THIRD_KEY")


@dataclasses.dataclass
class Production:
    """What the steps bring about: secrets in a vault, and a file for whom they are made."""

    folder: Path

    @property
    def vault(self) -> Vault:
        return Vault(self.folder / "vault" / "vault.json", "fly")

    @property
    def handed(self) -> Path:
        return self.folder / "handed.json"

    def values(self) -> dict[str, str]:
        return {name: self.vault.get(name).reveal() for name in self.vault.names()}


def look_secrets(production: Production) -> Look:
    lacking = set(MADE) - set(production.vault.names())
    return missing(f"no {sorted(lacking)}") if lacking else satisfied("all there")


def act_secrets(production: Production, say: Say) -> None:
    for name in MADE:
        if not production.vault.has(name):
            production.vault.put({name: Secret(secrets.token_hex(16))}, origin="generated")


def look_handed(production: Production) -> Look:
    if production.handed.exists() and json.loads(production.handed.read_text()) == production.values():
        return satisfied("handed over")
    return missing("not handed over")


def act_handed(production: Production, say: Say) -> None:
    write_atomic(production.handed, json.dumps(production.values()), 0o600)
    production.vault.mark_sent("gateway", {name: Secret(value) for name, value in production.values().items()})


def file_step(number: str, key: str, needs: tuple[str, ...]) -> Step[Production]:
    """A step whose program makes a file."""

    def look(production: Production) -> Look:
        return satisfied("there") if (production.folder / key).exists() else missing("not there")

    def act(production: Production, say: Say) -> None:
        proc.run(["/bin/sh", "-c", 'echo done >"$1.new"; mv "$1.new" "$1"', "sh", production.folder / key])

    return Step(number, key, key.title(), "makes a file", look, act, needs=needs)


STEPS: list[Step[Any]] = [
    Step("1.1", "secrets", "Secrets", "makes them", look_secrets, act_secrets),
    file_step("1.2", "redis", ("secrets",)),
    file_step("2.1", "build", ()),
    Step("3.1", "handed", "Handed over", "hands them over", look_handed, act_handed, needs=("secrets", "build")),
    file_step("3.2", "release", ("handed", "redis")),
]


def main(folder: Path) -> int:
    """A whole deploy and the handing over; its exit code."""
    deployment = compose("fly", {"PROGRESS_REPOSITORY": str(folder / "repository")})
    deployment = dataclasses.replace(deployment, paths=dataclasses.replace(deployment.paths, state=folder / "state"))
    journal, box = Journal(folder / "state" / "journal.jsonl"), outbox(deployment)
    with held(folder / "state" / "lock", "inv deploy.all"):
        reporter = Reporter(deployment, journal, STEPS, box)
        courier = Courier(box, scripts(deployment), reporter.tick)
        reporter.wake = courier.wake
        courier.start()
        result = run.run(STEPS, Production(folder), [Recorder(journal, "fly", "inv deploy.all"), reporter])
        courier.finish(lambda text: None)
    if result.exit_code == 0:
        complete(deployment)
        deliver(box, scripts(deployment))
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
