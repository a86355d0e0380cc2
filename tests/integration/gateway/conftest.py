"""Real processes for the gateway's integration tests. Each test says which it shares and which are its own."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.gateway.scripted_upstream import ScriptedUpstream, nothing_arranged
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, Sink, configuration

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def shared_valkey() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        yield server


@pytest.fixture(scope="session")
def shared_provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


@pytest.fixture(scope="session")
def sink() -> Iterator[Sink]:
    """Where the shared gateway's traces go."""
    with Sink() as sink:
        yield sink


@pytest.fixture(scope="session")
def gateway(shared_valkey: ValkeyServer, shared_provider: Provider, sink: Sink) -> Iterator[GatewayProcess]:
    """One gateway with limits out of the way, for every test that harms nothing."""
    with GatewayProcess(
        redis_url=shared_valkey.url,
        provider_url=shared_provider.base_url,
        provider_key=shared_provider.key,
        langfuse_url=sink.url,
    ) as process:
        yield process


@pytest.fixture
def provider(shared_provider: Provider) -> Provider:
    """The shared stand-in for the provider, with nothing arranged and nothing counted."""
    shared_provider.reset()
    return shared_provider


@pytest.fixture
def ask(gateway: GatewayProcess) -> Iterator[Ask]:
    """Ask the shared gateway one question: `ask("hi", team="admin", **fields)`."""
    clients = {name: gateway.client(name) for name in gateway.keys}

    def send(
        question: str, *, team: str = "admin", headers: dict[str, str] | None = None, **fields: Any
    ) -> httpx.Response:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}], **fields}
        return clients[team].post("/v1/chat/completions", json=body, headers=headers)

    yield send
    for client in clients.values():
        client.close()


@pytest.fixture(scope="session")
def shared_upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def scripted(shared_upstream: ScriptedUpstream) -> ScriptedUpstream:
    """An upstream that says exactly what the test arranges, with nothing arranged and nothing asked yet."""
    shared_upstream.script = nothing_arranged
    shared_upstream.asked.clear()
    return shared_upstream


@pytest.fixture(scope="session")
def plain_gateway(shared_valkey: ValkeyServer, shared_upstream: ScriptedUpstream) -> Iterator[GatewayProcess]:
    """A gateway in front of the arranged upstream, without the tier that asks on its own account."""
    config: dict[str, Any] = copy.deepcopy(configuration())
    del config["gateway"]["cache"]["semantic"]
    config["gateway"]["redis"] |= {"key_prefix": "plain:", "socket_timeout_s": 10}
    for model in config["model_list"]:
        model["litellm_params"]["timeout"] = 30
    with GatewayProcess(
        redis_url=shared_valkey.url, provider_url=shared_upstream.base_url, provider_key="sk-arranged", config=config
    ) as process:
        yield process


@pytest.fixture
def say(plain_gateway: GatewayProcess) -> Iterator[Ask]:
    """Ask that gateway one question: `say("hi", path="/v1/responses", **fields)`."""
    with plain_gateway.client("admin") as client:

        def send(question: str, *, path: str = "/v1/chat/completions", **fields: Any) -> httpx.Response:
            asked = {"messages": [{"role": "user", "content": question}]} if "chat" in path else {"input": question}
            return client.post(path, json={"model": "gpt-4o-mini", **asked, **fields})

        yield send


@pytest.fixture
def word() -> str:
    """A word that no other test has used, so that no cache knows a question with it."""
    return f"w{secrets.token_hex(6)}"
