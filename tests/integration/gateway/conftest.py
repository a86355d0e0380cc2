"""Real processes for the gateway's integration tests. Each test says which it shares and which are its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, Sink

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


@pytest.fixture
def word() -> str:
    """A word that no other test has used, so that no cache knows a question with it."""
    return f"w{secrets.token_hex(6)}"
