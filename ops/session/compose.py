"""The composition root: settings, paths, vault and target become one deployment here, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from ops.description import settings
from ops.description.paths import ROOT, paths
from ops.phases.table import phases
from ops.targets import registry
from ops.targets.deployment import Deployment


def compose(
    target: str,
    environ: Mapping[str, str] | None = None,
    root: Path = ROOT,
    commands: Callable[[], Collection[str]] = tuple,
) -> Deployment:
    """The deployment of the checkout's stack on a target. Nothing is read yet but the settings.

    Args:
        target: the target's name.
        environ: variables that overlay `.env`; the process's own when not given.
        root: the checkout.
        commands: the names of all commands, for the guides' check.

    Raises:
        RunbookError: CLI-002 there is no such target, ENV-001 `.env` cannot be read.
    """
    package = registry.package(target)
    loaded = settings.load(root, os.environ if environ is None else environ)
    return Deployment(
        target_name=target,
        environ=loaded,
        paths=paths(root, loaded, target),
        vault_file=package.vault_file,
        make_target=package.make,
        phases=phases,
        commands=commands,
    )
