"""A gateway as it ships, in front of an upstream that says exactly what a test arranges."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.scripted_upstream import ScriptedUpstream
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, configuration


def without_semantic_tier() -> dict[str, Any]:
    """The tests' configuration without the tier that asks the provider on its own account, and without short limits."""
    config: dict[str, Any] = copy.deepcopy(configuration())
    del config["gateway"]["cache"]["semantic"]
    for model in config["model_list"]:
        model["litellm_params"]["timeout"] = 30
    return config


@pytest.fixture(scope="session")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def plain_gateway(shared_valkey: ValkeyServer, scripted: ScriptedUpstream) -> Iterator[GatewayProcess]:
    """One gateway in front of the arranged upstream; its own keys on the shared Redis."""
    config = without_semantic_tier()
    config["gateway"]["redis"]["key_prefix"] = "fidelity:"
    with GatewayProcess(
        redis_url=shared_valkey.url, provider_url=scripted.base_url, provider_key="sk-arranged", config=config
    ) as process:
        yield process
