"""A whole stage for a day's traffic: Redis, the two stand-ins and a gateway, as processes; and what reads from it."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ops.runbook.secret import Secret
from ops.services.endpoints import Endpoints
from ops.services.langfuse import Langfuse
from ops.targets.base import Target
from tests.gateway.valkey_server import ValkeyServer, free_port
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration
from tests.load.langfuse import LangfuseProcess
from tests.load.mix import DAILY_USD, LARGE_TOKENS

REDIS_S = 10.0


@dataclass(frozen=True)
class Stage:
    """The processes, and the two sources of a report."""

    gateway: GatewayProcess
    provider: Provider
    langfuse: Langfuse
    target: Target
    prices: Mapping[str, Mapping[str, float]]


class Admin:
    """The part of a target that a report asks."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway

    def admin(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask an admin route of the gateway."""
        with self._gateway.operator() as operator:
            return dict(operator.request(method, path, json=body).raise_for_status().json())


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """All of it, up; taken down afterwards."""
    config = copy.deepcopy(configuration())
    # A busy machine is no outage of Redis, in which a repeated question would not be found again.
    config["gateway"]["redis"]["socket_timeout_s"] = REDIS_S
    for team in config["gateway"]["teams"].values():
        team["daily_usd"] = DAILY_USD
    for model in config["model_list"]:
        model["litellm_params"]["timeout"] = 30
    port = free_port()
    with contextlib.ExitStack() as stack:
        valkey = stack.enter_context(ValkeyServer())
        provider = stack.enter_context(Provider())
        provider.fault(contains="kind=error", status=500)
        provider.fault(contains="kind=large", usage={"completion_tokens": LARGE_TOKENS})
        gateway = GatewayProcess(
            redis_url=valkey.url,
            provider_url=provider.base_url,
            provider_key=provider.key,
            langfuse_url=f"http://127.0.0.1:{port}",
            config=config,
        )
        stack.callback(gateway.close)
        public, secret = (gateway.environment[f"LANGFUSE_{name}_KEY"] for name in ("PUBLIC", "SECRET"))
        stack.enter_context(LangfuseProcess(public, secret, port))
        gateway.start()
        endpoints = Endpoints(gateway=gateway.url, langfuse=f"http://127.0.0.1:{port}")
        langfuse = stack.enter_context(Langfuse(endpoints, Secret(public), Secret(secret)))
        yield Stage(gateway, provider, langfuse, cast(Target, Admin(gateway)), config["gateway"]["prices"])
