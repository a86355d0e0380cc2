"""Many whole gateways in one process, on a real Redis, in virtual time: as they ship but for provider and clock.

Time passes when `Clock.advance` says so, for the gateways' timers and for the scripts in Redis alike, so a second of a
fleet can take a minute to be worked through and still be a second of it. What Redis and the gateways do meanwhile is
real, and counted: commands, bytes, CPU.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import re
import secrets
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import httpx
import numpy as np
import yaml
from redis import Redis

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "fly" / "hotdash-llm-gateway"
sys.path[:0] = [str(ROOT), str(PACKAGE)]

from llm_gateway import gateway as composition  # noqa: E402
from llm_gateway.api.reply import Reply  # noqa: E402
from llm_gateway.api.routes import match  # noqa: E402
from llm_gateway.config import parse  # noqa: E402
from llm_gateway.environment import Environment  # noqa: E402
from llm_gateway.redis_connection import Address, Connection, connect  # noqa: E402
from llm_gateway.store import Script, Store  # noqa: E402
from llm_gateway.teams import Teams  # noqa: E402
from llm_gateway.upstream.deployments import Deployment  # noqa: E402

from tests.gateway.valkey_server import ValkeyServer  # noqa: E402

MUCH = 10**9
SYSTEM = "You answer customers of a shop. Be short, be kind, and never promise what the terms do not say. " * 4
ANSWER = "You can send it back within thirty days of delivery; the label is in the parcel. " * 6
WALL_CLOCK, DRIVEN = "redis.call('TIME')", "redis.call('LRANGE', 'clock', 0, -1)"
SET_CLOCK = "redis.call('RPUSH', 'clock', ARGV[1], ARGV[2]) redis.call('LTRIM', 'clock', -2, -1)"
OURS = {"eval", "rpush", "ltrim", "lrange", "ping", "info", "config|resetstat", "hello", "auth", "client|setinfo"}
"""Commands of the measurement itself: the gateways use none of them while they serve."""


class Clock:
    """Virtual time: seconds since it began, from a moment like any other."""

    def __init__(self, redis: Redis) -> None:
        self._redis, self.passed_s = redis, 0.0
        self._began_us = time.time_ns() // 1000
        self.advance(0)

    def advance(self, seconds: float) -> None:
        """Let time pass, here and in Redis."""
        self.passed_s += seconds
        now = self._began_us + round(self.passed_s * 1e6)
        self._redis.eval(SET_CLOCK, 0, now // 1_000_000, now % 1_000_000)

    @contextlib.contextmanager
    def ruling(self) -> Iterator[None]:
        """While this lasts, Python's clocks are this one."""
        start = time.monotonic()

        def monotonic() -> float:
            return start + self.passed_s

        def monotonic_ns() -> int:
            return round(monotonic() * 1e9)

        def now() -> float:
            return self._began_us / 1e6 + self.passed_s

        with (
            mock.patch.object(time, "monotonic", monotonic),
            mock.patch.object(time, "monotonic_ns", monotonic_ns),
            mock.patch.object(time, "time", now),
        ):
            yield


class CountingStore(Store):
    """A gateway's Redis, whose scripts read the virtual clock; counts the commands that are sent."""

    sent: ClassVar[Counter[str]] = Counter()

    async def call(self, *command: Any) -> Any:
        self.sent[str(command[0]).lower()] += 1
        return await super().call(*command)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        return await super().script(_driven(script), keys, args)


_scripts: dict[str, Script] = {}


def _driven(script: Script) -> Script:
    if script.sha not in _scripts:
        _scripts[script.sha] = Script(script.source.replace(WALL_CLOCK, DRIVEN))
    return _scripts[script.sha]


class OneDeployment:
    """In LiteLLM's place: every model is served at one address."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        pass

    async def choose(self, model: str) -> Deployment:
        return Deployment("http://provider/v1", "sk-none", model, 600.0)


async def provider(latency_s: float, request: httpx.Request) -> httpx.Response:
    """OpenAI, as far as it matters here: questions on one article point the same way, and the judge says yes."""
    asked = json.loads(await request.aread())
    if request.url.path.endswith("/embeddings"):
        topic = int((re.findall(r"\d+", asked["input"]) or ["0"])[0])
        vector = np.random.default_rng(topic).standard_normal(asked["dimensions"]).astype("<f4")
        data = [{"embedding": base64.b64encode(vector.tobytes()).decode()}]
        return httpx.Response(200, json={"data": data, "usage": {"prompt_tokens": 20, "total_tokens": 20}})
    if "guard a cache" in asked["messages"][0]["content"]:
        return httpx.Response(200, json=_completion("yes", 1))
    await asyncio.sleep(latency_s)
    whole = _completion(ANSWER, 110)
    if not asked.get("stream"):
        return httpx.Response(200, json=whole)
    usage = whole.pop("usage")
    words = [word + " " for word in ANSWER.split()]
    parts: list[dict[str, Any]] = [
        whole | {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
        for delta, end in [
            *(({"role": "assistant", "content": word}, None) for word in words),
            ({}, "stop"),
        ]
    ]
    parts.append(whole | {"object": "chat.completion.chunk", "choices": [], "usage": usage})

    async def lines() -> AsyncIterator[bytes]:
        for part in parts:
            yield f"data: {json.dumps(part)}\n\n".encode()
        yield b"data: [DONE]\n\n"

    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=lines())


def _completion(text: str, tokens: int) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 110, "completion_tokens": tokens, "total_tokens": 110 + tokens}
    made = {"id": f"chatcmpl-{secrets.token_hex(8)}", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini"}
    return {**made, "choices": [choice], "usage": usage}


@dataclass(frozen=True)
class Used:
    """What Redis and its clients did between two readings.

    Attributes:
        sent: commands by name that gateways sent, and `executed` those that ran, scripts' own included.
        received, told: bytes that came in and went out.
        cpu_s: of Redis; `client_cpu_s` of this process, which is all gateways together.
    """

    sent: Counter[str]
    executed: Counter[str]
    received: int
    told: int
    cpu_s: float
    client_cpu_s: float
    turns: int


@dataclass(frozen=True)
class Turn:
    """What one turn of the measurement itself costs Redis: bytes in and out, seconds of CPU."""

    received: int
    told: int
    cpu_s: float


@dataclass
class Fleet:
    """Gateways, the clock of all of them, and Redis."""

    gateways: list[composition.Gateway]
    clock: Clock
    redis: Redis
    pace: Connection
    """Of no gateway's: its answers come when those have come that were asked for before."""
    teams: tuple[str, ...]
    turns: int = 0
    turn_costs: Turn = field(default_factory=lambda: Turn(0, 0, 0.0))

    async def ask(self, gateway: int, team: str, question: str, **more: Any) -> str:
        """One request, to its end; answers which tier it came from, or the status if it was refused."""
        at = self.gateways[gateway]
        said = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
        body = {"model": "gpt-4o-mini", "messages": said, "max_tokens": 256, **more}
        found = match("POST", "/v1/chat/completions")
        assert found is not None
        reply: Reply = await at.dispatcher.dispatch(at.config.teams[team], found, json.dumps(body).encode())
        if not isinstance(reply.body, bytes):
            async for _ in reply.body:
                pass
        return reply.headers.get("x-gateway-cache", "") if reply.status == 200 else str(reply.status)

    async def turn(self, seconds: float) -> None:
        """Let time pass, and what is under way go on by about one answer of Redis."""
        self.turns += 1
        self.clock.advance(seconds)
        await self.pace.ask("PING")

    async def done(self, *asked: asyncio.Future[str], step_s: float = 0.001) -> list[str]:
        """What requests that are under way come to; time passes until they do."""
        while not all(task.done() for task in asked):
            await self.turn(step_s)
        return [task.result() for task in asked]

    def reading(self) -> Used:
        """Everything counted so far."""
        told = self.redis.info("all")
        executed = Counter[str]()
        for name, row in told.items():
            if name.startswith("cmdstat_") and (command := name.removeprefix("cmdstat_")) not in OURS:
                executed[command] = row["calls"]
        return Used(
            CountingStore.sent.copy(),
            executed,
            told["total_net_input_bytes"],
            told["total_net_output_bytes"],
            told["used_cpu_user"] + told["used_cpu_sys"],
            time.process_time(),
            self.turns,
        )

    def since(self, before: Used) -> Used:
        """What was done since a reading, without what readings themselves take."""
        after = self.reading()
        own, turns, each = self.reading(), after.turns - before.turns, self.turn_costs
        return Used(
            after.sent - before.sent,
            after.executed - before.executed,
            after.received - before.received - (own.received - after.received) - turns * each.received,
            after.told - before.told - (own.told - after.told) - turns * each.told,
            after.cpu_s - before.cpu_s - turns * each.cpu_s,
            after.client_cpu_s - before.client_cpu_s,
            turns,
        )

    async def calibrate(self, turns: int = 500) -> None:
        """Measure what a turn itself costs Redis, while nobody else asks it anything."""
        before = self.reading()
        for _ in range(turns):
            await self.turn(1e-6)
        used = self.since(before)
        self.turn_costs = Turn(round(used.received / turns), round(used.told / turns), used.cpu_s / turns)


@contextlib.asynccontextmanager
async def fleet(
    server: ValkeyServer,
    gateways: int,
    *,
    latency_s: float,
    bytes_per_team: int | None = None,
    semantic: bool = True,
) -> AsyncIterator[Fleet]:
    """Start gateways on the shipped configuration, with limits out of the way.

    Args:
        server: an empty Redis.
        gateways: how many.
        latency_s: the provider's, in virtual seconds: what a reservation stays open for.
        bytes_per_team: another budget of the caches than the shipped one.
        semantic: whether there is a semantic cache.
    """
    document = yaml.safe_load((PACKAGE / "config" / "litellm.config.yaml").read_text())
    settings = document["gateway"]
    settings["gateways"] = gateways
    settings["redis"] |= {"socket_timeout_s": 60.0}
    settings["cache"]["bytes_per_team"] = bytes_per_team or settings["cache"]["bytes_per_team"]
    if not semantic:
        del settings["cache"]["semantic"]
    for team in settings["teams"].values():
        team |= {"rpm": MUCH, "tpm": MUCH * 1000, "daily_usd": MUCH // 1000}
    config = parse(document)
    environ = {team.key_env: secrets.token_hex(16) for team in config.teams.values()}
    environ["LITELLM_MASTER_KEY"] = secrets.token_hex(16)
    environment = Environment(server.url, None, None, 0, None, 0)
    with server.client() as redis, contextlib.ExitStack() as patched:
        clock = Clock(redis)
        patched.enter_context(clock.ruling())
        patched.enter_context(mock.patch.object(composition, "Store", CountingStore))
        patched.enter_context(mock.patch.object(composition, "Deployments", OneDeployment))
        made = [composition.Gateway(config, environment, Teams(config, environ)) for _ in range(gateways)]
        for each in made:
            each._provider._http = httpx.AsyncClient(transport=httpx.MockTransport(partial(provider, latency_s)))
        served = tuple(name for name in config.teams if name != config.self_test_team)
        pace = await connect(Address.parse(server.url), 600)
        running = Fleet(made, clock, redis, pace, served)
        await running.calibrate()
        try:
            for each in made:
                await each.start()
            while any(each.not_ready() for each in made):
                await running.turn(0.05)
            yield running
        finally:
            for each in made:
                stopping = asyncio.ensure_future(each.stop())
                while not stopping.done():
                    await running.turn(0.05)
                await stopping
            pace.close()
            await pace.ended
