"""The deployment a command works on, from the target its command line names."""

from __future__ import annotations

import os
import re

from ops.description import settings
from ops.description.paths import ROOT
from ops.runbook.advice import complete_with
from ops.session.compose import compose
from ops.session.offered import commands
from ops.targets import registry
from ops.targets.deployment import Deployment

# A command with a target; the explanations, the rehearsal's and the project's own have none.
# One that names its target already, behind its other options, is complete.
COMMAND = re.compile(
    r"\binv explain (?!FLY|LOCAL)[A-Z0-9]+-[0-9]+(?! --target)"
    r"|\binv (?!explain\b|local\.|dev\.)[a-z]++(?:\.[a-z_]++)*+(?!(?:(?!\binv\b)[^,;\n])*--target)"
)


def open_deployment(target: str) -> Deployment:
    """The deployment for a target as the command line names it; empty means RUNBOOK_TARGET, else the rehearsal.

    Raises:
        RunbookError: CLI-002 there is no such target, ENV-001 `.env` cannot be read.
    """
    deployment = compose(target or _usual(), commands=commands)
    speaking_of(deployment.target_name)
    return deployment


def _usual() -> str:
    return settings.load(ROOT, os.environ).get("RUNBOOK_TARGET") or registry.DEFAULT


def speaking_of(target: str) -> str:
    """Have every command in advice reach this target; its name, which is the usual one's where none is given."""
    usual = _usual()
    target = target or usual
    if target not in registry.names():
        registry.package(target)  # says which there are
    # The next command an error names must reach the same target as the one that failed.
    option = "" if target == usual else f" --target {target}"
    complete_with(lambda text: COMMAND.sub(rf"\g<0>{option}", text))
    return target
