"""Rehearsals for the tests: one that is shared by those that only look, and fresh ones for those that break things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.checkout import ROOT, Checkout


@pytest.fixture(scope="session")
def gateway_environment() -> None:
    """The gateway's virtual environment, made by the runbook's own step 0.2 where it is not there yet."""
    if not (ROOT / ".venv-gateway" / "bin" / "python").exists():
        pytest.fail("no .venv-gateway: run ./inv dev.check, or ./inv deploy.all once")


@contextmanager
def deployed(folder: Path) -> Iterator[Checkout]:
    """A deployed rehearsal in a folder, taken down afterwards."""
    checkout = Checkout(folder / "checkout")
    try:
        done = checkout.inv("deploy.all")
        assert done.returncode == 0, done.stdout + done.stderr
        yield checkout
    finally:
        checkout.down()


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory, gateway_environment: None) -> Iterator[Checkout]:
    """A deployed rehearsal. Tests that take it must leave it as they found it."""
    with deployed(tmp_path_factory.mktemp("shared")) as checkout:
        yield checkout


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, gateway_environment: None) -> Iterator[Checkout]:
    """A deployed rehearsal in which things break; each test mends what it broke."""
    with deployed(tmp_path_factory.mktemp("incidents")) as checkout:
        yield checkout


@pytest.fixture
def fresh(tmp_path: Path, gateway_environment: None) -> Iterator[Callable[[], Checkout]]:
    """Makes checkouts with nothing deployed; each is taken down afterwards."""
    made: list[Checkout] = []

    def make() -> Checkout:
        made.append(Checkout(tmp_path / f"checkout{len(made)}"))
        return made[-1]

    yield make
    for checkout in made:
        checkout.down()
