"""Rehearsals with real servers, each in a folder of its own, stopped and removed at the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from ops.description.paths import ROOT
from ops.targets.deployment import Deployment
from tests.lacking import lacking
from tests.targets.local import support


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A rehearsal without the gateway's environment: for the servers of phases 0 and 1.

    One for the module: each test brings it up from whatever state the last one left it in, as a run does.
    """
    deployment = support.deployment(tmp_path_factory.mktemp("servers"))
    yield deployment
    support.down(deployment, purge=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A whole rehearsal, with a copy of the gateway's folder and the checkout's own environment for it."""
    root = tmp_path_factory.mktemp("whole")
    deployment = support.deployment(root)
    source = ROOT / deployment.stack.stack.folder
    if not (ROOT / ".venv-gateway" / "made-from").exists():
        pytest.skip(lacking("no environment of the gateway", "./inv local.environment"))
    if not (source / "bin" / "start-litellm.sh").exists():
        pytest.skip(lacking("the gateway's files are not rendered", "./inv build.all"))
    shutil.copytree(source, deployment.gateway_dir, ignore=shutil.ignore_patterns("__pycache__"))
    (root / ".venv-gateway").symlink_to(ROOT / ".venv-gateway")
    yield deployment
    support.down(deployment, purge=True)
