"""The whole road of a request, as processes: production's edge, gateways as they ship, Valkey, and the stand-ins.

The edge is the rendered Caddyfile with the gateways' names in a DNS server on loopback; the gateways have the shipped
start script, environment and package. The provider, Langfuse and the mail server are the rehearsal's.
"""

from __future__ import annotations

import contextlib
import copy
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.render.processes import DRAIN_S
from tests.gateway.mail_server import MailServer
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.fly.test_no_interruption import Edge, free_port
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration
from tests.integration.gateway.watching import WatchProcess
from tests.load.langfuse import LangfuseProcess
from tests.load.mix import LARGE_TOKENS
from tests.render.support import stack as described_stack
from tests.targets.fly.support import DnsServer

EDGE_HOST = "127.0.4.1"
GATEWAY_HOSTS = ("127.0.5.1", "127.0.5.2")
PUBLIC, SECRET = "pk-lf-load", "sk-lf-load"
PROVIDER_TIMEOUT_S = 30


@dataclass(frozen=True)
class Edged:
    """The processes, and how a client gets to them."""

    gateways: list[GatewayProcess]
    edge: Edge
    domain: str
    valkey: ValkeyServer
    provider: Provider
    langfuse: LangfuseProcess
    mail: MailServer
    watch: WatchProcess | None
    prices: Mapping[str, Mapping[str, float]]

    @property
    def url(self) -> str:
        """Of the edge."""
        return f"http://{self.edge.host}:{self.edge.port}"

    @property
    def keys(self) -> Mapping[str, str]:
        """By team."""
        return self.gateways[0].keys


def config(teams: Mapping[str, Any], *, gateways: int = 2) -> dict[str, Any]:
    """Like the rendered one; `teams` is what differs from limits that are out of the way, for every team."""
    made = copy.deepcopy(configuration())
    made["gateway"]["gateways"] = gateways
    for team in made["gateway"]["teams"].values():
        team |= teams
    for model in made["model_list"]:
        model["litellm_params"]["timeout"] = PROVIDER_TIMEOUT_S
    return made


@contextlib.contextmanager
def edged(settings: dict[str, Any], *, gateways: int = 2, watched: bool = False) -> Iterator[Edged]:
    """All of it, up; taken down afterwards.

    Args:
        settings: of the gateways.
        gateways: how many.
        watched: the watch runs too, looks every second at the first gateway, and writes to the mail server.
    """
    described, port = described_stack(), free_port(GATEWAY_HOSTS[0])
    with contextlib.ExitStack() as stack:
        dns = DnsServer()
        stack.callback(dns.stop)
        valkey = stack.enter_context(ValkeyServer())
        provider = stack.enter_context(Provider())
        provider.fault(contains="kind=error", status=500)
        provider.fault(contains="kind=large", usage={"completion_tokens": LARGE_TOKENS})
        langfuse = stack.enter_context(LangfuseProcess(PUBLIC, SECRET))
        made: list[GatewayProcess] = []
        for host in GATEWAY_HOSTS[:gateways]:
            gateway = GatewayProcess(
                redis_url=valkey.url, provider_url=provider.base_url, provider_key=provider.key, config=settings,
                langfuse_url=langfuse.url, keys=made[0].keys if made else None, address=(host, port),
            )  # fmt: skip
            same = {"LANGFUSE_PUBLIC_KEY": PUBLIC, "LANGFUSE_SECRET_KEY": SECRET, "GATEWAY_DRAIN_S": str(DRAIN_S)}
            if made:
                gateway.master_key = same["LITELLM_MASTER_KEY"] = made[0].master_key
            gateway.environment |= same
            stack.callback(gateway.close)
            made.append(gateway.launch())
        for gateway in made:
            gateway.wait()
        dns.records[f"gateway.process.{described.fly.app}.internal"] = [gateway.host for gateway in made]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edged-")))
        edge = Edge(folder, EDGE_HOST, free_port(EDGE_HOST), dns, {described.ports.gateway: port}, described)
        stack.callback(edge.end)
        edge.start()
        mail, watch = MailServer(), None
        if watched:
            stack.enter_context(mail)
            first = made[0]
            watch = WatchProcess(
                redis_url=valkey.url, master_key=first.master_key, gateway_url=first.url, mail=mail, every_s=1.0
            )
            stack.enter_context(watch).start()
        prices = settings["gateway"]["prices"]
        yield Edged(made, edge, described.domains.gateway, valkey, provider, langfuse, mail, watch, prices)
