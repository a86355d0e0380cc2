"""One rehearsal for all clients, and the programs' findings as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ops import clients
from tests.clients.catalogue import Client
from tests.clients.running import Programs, Told
from tests.clients.stack import Rehearsal


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Runs programs against a rehearsal of their own."""
    if not clients.is_installed():
        pytest.fail("the clients are not installed as their locks say: run ./inv dev.clients")
    folder = tmp_path_factory.mktemp("clients")
    rehearsal = Rehearsal(folder / "checkout")
    try:
        rehearsal.deploy()
        running = Programs(rehearsal, folder)
        try:
            yield running
        finally:
            running.close()
    finally:
        rehearsal.checkout.down()


@pytest.fixture(scope="session")
def told(programs: Programs, request: pytest.FixtureRequest) -> Callable[[Client, str], Told]:
    """What a client told, speaking an API. All that the selected tests ask for begin at once, as many as there are cores."""
    for item in request.session.items:
        given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if "client" in given and "api" in given:
            programs.begin(given["client"], given["api"])
    return lambda client, api: programs.begin(client, api).result()
