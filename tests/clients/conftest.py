"""One rehearsal for all clients, and what their programs tell as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ops.development import clients
from tests.clients.catalogue import Client
from tests.clients.running import Programs, Told
from tests.clients.stack import Rehearsal


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Programs]:
    """Runs programs against a rehearsal of their own; all that the selected tests ask for begin at once."""
    if not clients.is_installed():
        pytest.fail("the clients are not installed as their locks say: run ./inv dev.clients")
    folder = tmp_path_factory.mktemp("clients")
    rehearsal = Rehearsal(folder / "checkout")
    try:
        rehearsal.deploy()
        running = Programs(rehearsal, folder)
        try:
            for item in request.session.items:
                _begin(running, item)
            yield running
        finally:
            running.close()
    finally:
        rehearsal.checkout.down()


def _begin(programs: Programs, item: pytest.Item) -> None:
    given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    if "api" in given:
        programs.begin(given["client"], given["api"])
    elif "team" in given:
        programs.begin_limited(given["client"], given["team"])


@pytest.fixture(scope="session")
def told(programs: Programs) -> Callable[[Client, str], Told]:
    """What a client told, speaking an API."""
    return lambda client, api: programs.begin(client, api).result()
