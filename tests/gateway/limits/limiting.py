"""What the tests of the limits share: a gateway's limiter as a process of its own would have it, and Redis's faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from llm_gateway.limits.limiter import Limiter, Refusal, Reservation
from llm_gateway.store import Store

from tests.gateway.valkey_server import ValkeyServer

USD = 1_000_000_000
WINDOW_S = 1.0
DEADLINE_S = 0.2
FAULTS = ["stop", "freeze", "fill", "forbid"]


@dataclass(frozen=True)
class Team:
    name: str = "shop"
    rpm: int = 10
    tpm: int = 1_000_000
    daily_nano_usd: int = 1_000 * USD


@asynccontextmanager
async def gateway(
    url: str, prefix: str, *teams: Team, gateways: int = 1, window_s: float = WINDOW_S
) -> AsyncIterator[Limiter]:
    """One gateway's limiter, as a process of its own would have it."""
    store = Store(url, prefix=prefix, timeout_s=DEADLINE_S, breaker_open_s=0.2)
    limiter = Limiter(store, gateways=gateways, window_s=window_s)
    await limiter.start(teams)
    try:
        yield limiter
    finally:
        await limiter.close()
        await store.close()


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float = 5.0) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(timeout_s):
        while not await condition():
            await asyncio.sleep(0.01)


async def admitted(
    limiter: Limiter, team: Team, tries: int, *, tokens: int = 0, nano_usd: int = 0
) -> list[Reservation]:
    """What was admitted of some requests, one after the other."""
    answers = [await limiter.reserve(team, tokens=tokens, nano_usd=nano_usd) for _ in range(tries)]
    return [answer for answer in answers if isinstance(answer, Reservation)]


async def refused(limiter: Limiter, team: Team, *, tokens: int = 0, nano_usd: int = 0) -> Refusal:
    """The refusal of a request that must be refused."""
    answer = await limiter.reserve(team, tokens=tokens, nano_usd=nano_usd)
    assert isinstance(answer, Refusal)
    return answer


async def granted(
    limiter: Limiter, team: Team, *, tokens: int = 0, nano_usd: int = 0, requests: int = 1
) -> Reservation:
    """The reservation of a request that must be admitted."""
    answer = await limiter.reserve(team, tokens=tokens, nano_usd=nano_usd, requests=requests)
    assert isinstance(answer, Reservation), answer
    return answer


def begin(server: ValkeyServer, fault: str) -> None:
    """Let Redis fail in one of the ways of `FAULTS`; `forbid`: it refuses the limits' script only."""
    if fault == "forbid":
        with server.client() as redis:
            redis.acl_setuser("default", enabled=True, commands=["-eval", "-evalsha"])
    else:
        {"stop": server.stop, "freeze": server.freeze, "fill": server.fill}[fault]()


def end_of(server: ValkeyServer, fault: str) -> None:
    """Let Redis work again after `begin`."""
    if fault == "forbid":
        with server.client() as redis:
            redis.acl_setuser("default", enabled=True, commands=["+eval", "+evalsha"])
    else:
        {"stop": server.start, "freeze": server.resume, "fill": server.unfill}[fault]()
