"""One stand for all attacks; after each the gateway must be as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.stand import Stand, stand
from tests.lacking import lacking
from tests.render.test_edge import CADDY


@pytest.fixture(scope="session")
def shared_stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    if CADDY is None:
        pytest.skip(lacking("Caddy is not on this machine", "./inv dev.environment"))
    with stand(tmp_path_factory.mktemp("attacks")) as started:
        yield started


@pytest.fixture
def attacked(shared_stand: Stand) -> Iterator[Stand]:
    """What is attacked; when the test is over, it must not have failed for a reason of its own, and must work."""
    shared_stand.begin()
    yield shared_stand
    shared_stand.unharmed()
