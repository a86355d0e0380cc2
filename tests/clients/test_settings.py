"""G32: each setting of the cutover guide is needed."""

from __future__ import annotations

import pytest

from tests.clients.catalogue import CLIENTS
from tests.clients.running import Programs

AGENTS = [client for client in CLIENTS if client.framework.startswith("agents-")]


@pytest.mark.parametrize("client", AGENTS, ids=lambda client: client.id)
def test_agents_send_their_traces_to_openai_unless_told_not_to(programs: Programs, client) -> None:
    told = programs.run(client, "responses", {"CLIENT_ONLY": "plain"}, "-traced", "OPENAI_AGENTS_DISABLE_TRACING")
    assert "text" in told.features["plain"], told
    assert set(told.attempts) == {"api.openai.com:443"}


@pytest.mark.parametrize("client", AGENTS, ids=lambda client: client.id)
def test_agents_ask_for_a_model_the_gateway_has_not_unless_told_which(programs: Programs, client) -> None:
    told = programs.run(client, "responses", {"CLIENT_ONLY": "plain"}, "-unnamed", "OPENAI_DEFAULT_MODEL")
    assert "NotFoundError" in told.features["plain"]["broken"], told
    assert told.asked == []
