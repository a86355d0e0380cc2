"""The real engine, bases in place of Langfuse's images, and the image of the real Dockerfile on them."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ops.build.image import BASE_WEB, BASE_WORKER, Built, build_image
from ops.description.paths import ROOT, Paths
from ops.runbook.errors import RunbookError
from ops.services.engine.engine import Engine, find
from ops.targets.workspace import Workspace
from tests.containers import bases
from tests.lacking import lacking

BUILD_S = 2400  # bases and image, on a slow machine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The engine of this machine, with what the bases are made of beside it."""
    try:
        found = find(os.environ)
    except RunbookError as error:
        pytest.skip(lacking(error.what))
    if bases.lacking():
        pytest.skip(lacking(bases.lacking()))
    return found


@dataclass(frozen=True)
class Made:
    """Names of the images that stand for Langfuse's, and the prefix of all that tests make."""

    prefix: str
    web: str
    worker: str
    python: str

    def workspace(self, state: Path, root: Path = ROOT) -> Workspace:
        """A workspace that builds on them.

        Args:
            state: folder for its logs.
            root: the checkout to build from.
        """
        environ = {**os.environ, BASE_WEB: self.web, BASE_WORKER: self.worker}
        return Workspace("local", environ, Paths(root, state, ROOT / "ops" / "stack.toml"), lambda workspace: state)


@pytest.fixture(scope="session")
def made(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """The bases; whatever begins with their prefix is gone afterwards."""
    prefix = f"test-{os.getpid()}-{secrets.token_hex(3)}"
    others = nameless(engine)
    try:
        names = bases.make(engine, tmp_path_factory.mktemp("bases"), "4.50.0", prefix)
        yield Made(prefix, names["web"], names["worker"], names["python"])
    finally:
        _remove(engine, prefix, others)


def nameless(engine: Engine) -> set[str]:
    """Ids of the images without a name, such as the stages of a build leave behind."""
    words = engine.words("images", "--filter", "dangling=true", "--format", "{{.ID}}")
    return set(subprocess.run(words, capture_output=True, text=True, check=False, timeout=60).stdout.split())


def _remove(engine: Engine, prefix: str, others: set[str]) -> None:
    """Remove the images of a prefix and, after them, what builds have left behind; not what others had left before."""
    form = "{{.Repository}}:{{.Tag}}"
    named = subprocess.run(
        engine.words("images", "--format", form), capture_output=True, text=True, check=False, timeout=60
    ).stdout.split()
    mine = [name for name in named if f"/{prefix}-" in name]
    for name in mine:
        subprocess.run(engine.words("rmi", "--force", name), capture_output=True, check=False, timeout=300)
    # A layer may lie on another: some go only once those above them are gone.
    while left := nameless(engine) - others:
        for image in left:
            subprocess.run(engine.words("rmi", "--force", image), capture_output=True, check=False, timeout=300)
        if nameless(engine) - others == left:
            break


@pytest.fixture(scope="session")
def built(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The image of the checkout's own Dockerfile."""
    workspace = made.workspace(tmp_path_factory.mktemp("state"))
    return build_image(workspace, lambda line: None, tag=f"localhost/{made.prefix}-gateway")
