"""What is attacked: the gateway as it ships, behind the real edge with the Caddyfile that ships, and what they need."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ops.render import caddyfile
from tests.attacks.passed_on import faults
from tests.attacks.relay import Relay, served
from tests.attacks.wire import exchange
from tests.gateway.scripted_upstream import Asked, ScriptedUpstream, Told, told
from tests.gateway.valkey_server import ValkeyServer, free_port
from tests.integration.gateway.harness import GatewayProcess, configuration
from tests.render.support import stack
from tests.render.test_edge import running

HOST = stack().domains.gateway
UI_HOST = stack().domains.langfuse
BODY_S = 1
"""Of the gateway, in place of what ships: a body that does not come need not last a minute."""
_DYNAMIC = re.compile(r"dynamic a \{.*?\n\t*\}", re.DOTALL)
_clients = itertools.count(1)


@dataclass
class Stand:
    """All of it.

    Attributes:
        edge_port: of Caddy, as Fly's proxy reaches it.
        relay: sees what the edge sends to the gateway.
    """

    valkey: ValkeyServer
    upstream: ScriptedUpstream
    gateway: GatewayProcess
    relay: Relay
    edge_port: int
    edge_log: Path
    _mark: tuple[int, int, dict[str, int]] = (0, 0, {})

    def begin(self) -> None:
        """An attack begins: what has been until now is not its doing."""
        self._mark = (len(self.relay.sent), len(self.gateway.log()), self.own_failures())

    def unharmed(self) -> None:
        """Since then nothing failed by the gateway's own fault, the edge sent on nothing odd, and all still work."""
        sent, log, failures = self._mark
        assert self.own_failures() == failures
        assert "Traceback" not in self.gateway.log()[log:]
        assert faults(self.relay.sent[sent:]) == []
        assert self.gateway.process is not None
        assert self.gateway.process.poll() is None
        assert self.healthy()

    @property
    def ports(self) -> dict[str, int]:
        """Where an attack may begin."""
        return {"edge": self.edge_port, "gateway": self.gateway.port}

    def key(self, team: str = "admin") -> str:
        """A team's key."""
        return self.gateway.keys[team]

    def own_failures(self) -> dict[str, int]:
        """What the gateway counts as its own fault, by kind."""
        asked = head("GET", "/gateway/admin/status", f"Authorization: Bearer {self.gateway.master_key}")
        (answer,) = exchange(self.gateway.port, asked, until=1).answers
        return dict(answer.json()["own_failures"])

    def healthy(self) -> bool:
        """Whether a plain request still gets its answer through the edge."""
        heard = exchange(self.edge_port, chat(self.key(), word="health"), until=1)
        return heard.statuses == [200]


def client() -> str:
    """An address that no other request came from, as Fly's proxy names it."""
    number = next(_clients)
    return f"2001:db8::{number >> 16:x}:{number & 0xFFFF:x}"


def head(method: str, path: str, *headers: str, host: str = HOST) -> bytes:
    """The head of a request as Fly's proxy sends it on."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, f"Fly-Client-IP: {client()}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def chat(key: str, *headers: str, word: str = "hi") -> bytes:
    """A plain chat request."""
    body = json.dumps({"model": "gpt-4o-mini", "messages": [{"role": "user", "content": word}]}).encode()
    mine = (f"Authorization: Bearer {key}", "Content-Type: application/json", f"Content-Length: {len(body)}")
    return head("POST", "/v1/chat/completions", *mine, *headers) + body


def answering(asked: Asked) -> Told:
    """The provider: an answer that quotes the question."""
    sent = asked.sent or {}
    if asked.path.endswith("/embeddings"):
        return told({"object": "list", "model": sent["model"], "usage": {"prompt_tokens": 1, "total_tokens": 1},
                     "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]})  # fmt: skip
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    message = {"role": "assistant", "content": f"heard: {json.dumps(sent.get('messages'))}"}
    return told({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": sent.get("model"),
                 "choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})  # fmt: skip


@contextlib.contextmanager
def early() -> Iterator[int]:
    """Stands where Langfuse does: answers as soon as it has read a request's head, as Node does where it wants no body.

    Yields its port.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nlangfuse")
            await writer.drain()
            while await reader.read(65536):
                pass
        writer.close()

    with served(serve) as port:
        yield port


def shipped_edge(gateway_port: int, ui_port: int, port: int) -> str:
    """The Caddyfile that ships, its two names in Fly's private DNS replaced by ports on loopback; it stops at once."""
    text = caddyfile(stack(PORTS__EDGE=str(port)))
    for name, where in (("gateway", gateway_port), ("ui", ui_port)):
        blocks = [block for block in _DYNAMIC.findall(text) if f"name {name}.process." in block]
        assert blocks, f"the Caddyfile names no {name}"
        for block in blocks:
            text = text.replace(block, f"to 127.0.0.1:{where}")
    return re.sub(r"\tshutdown_delay .*\n", "", text)


@contextlib.contextmanager
def stand(folder: Path) -> Iterator[Stand]:
    """Start all of it."""
    config = copy.deepcopy(configuration())
    del config["gateway"]["cache"]["semantic"]
    config["gateway"]["body_s"] = BODY_S
    config["gateway"]["redis"] |= {"socket_timeout_s": 10}
    for model in config["model_list"]:
        model["litellm_params"]["timeout"] = 30
    with contextlib.ExitStack() as parts:
        valkey = parts.enter_context(ValkeyServer())
        upstream = parts.enter_context(ScriptedUpstream(answering))
        ui = parts.enter_context(early())
        gateway = parts.enter_context(
            GatewayProcess(
                redis_url=valkey.url, provider_url=upstream.base_url, provider_key="sk-arranged", config=config
            )
        )
        relay = parts.enter_context(Relay(gateway.port))
        port = free_port()
        text = shipped_edge(relay.port, ui, port)
        log = parts.enter_context(running(text, folder, port))
        yield Stand(valkey, upstream, gateway, relay, port, log)


__all__ = ["HOST", "UI_HOST", "Stand", "answering", "chat", "client", "head", "stand"]
