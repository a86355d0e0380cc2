"""G32: each setting of the cutover guide is needed."""

from __future__ import annotations

import pytest

from tests.clients.catalogue import CLIENTS, Client
from tests.clients.running import Programs

pytestmark = pytest.mark.timeout(1200)
AGENTS = [pytest.param(client, id=client.id) for client in CLIENTS if client.guide.startswith("agents-")]


@pytest.mark.parametrize("client", AGENTS)
def test_agents_send_their_traces_to_openai_unless_told_not_to(programs: Programs, client: Client) -> None:
    told = programs.run(client, "responses", ["plain"], "traced", without="OPENAI_AGENTS_DISABLE_TRACING")
    assert "text" in told.features["plain"], told
    assert set(told.attempts) == {"api.openai.com:443"}


@pytest.mark.parametrize("client", AGENTS)
def test_agents_ask_for_a_model_the_gateway_has_not_unless_told_which(programs: Programs, client: Client) -> None:
    told = programs.run(client, "responses", ["plain"], "unnamed", without="OPENAI_DEFAULT_MODEL")
    assert "NotFoundError" in told.features["plain"]["broken"], told
    assert told.asked == []


@pytest.mark.parametrize("client", [client for client in CLIENTS if client.id == "llamaindex-python"])
def test_llamaindex_calls_openai_itself_unless_told_by_its_own_name(programs: Programs, client: Client) -> None:
    """It does not read OPENAI_BASE_URL, which all others do."""
    own = {"OPENAI_BASE_URL": "https://gateway.hotrodan.com/v1"}
    told = programs.run(client, "chat", ["plain"], "elsewhere", own, without="OPENAI_API_BASE")
    assert "broken" in told.features["plain"], told
    assert set(told.attempts) == {"api.openai.com:443"}
