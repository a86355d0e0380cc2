"""Several whole gateways on one Redis, clients that ask them all, and what Redis noted of it."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from redis import Redis

from tests.gateway.valkey_cluster import ValkeyCluster
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration

REFUSED_PAUSE_S = 0.4
LOST_PAUSE_S = 0.2


@contextlib.contextmanager
def several(
    count: int, valkey: ValkeyServer | ValkeyCluster, provider: Provider, limits: Mapping[str, Mapping[str, Any]]
) -> Iterator[list[GatewayProcess]]:
    """Gateway processes, started together, that share a Redis, the keys, and the limits.

    Args:
        count: how many.
        limits: per team what differs from limits that are out of the way.
    """
    config = copy.deepcopy(configuration())
    config["gateway"]["gateways"] = count
    for team, differing in limits.items():
        config["gateway"]["teams"][team] |= {"semantic": "off", **differing}
    made: list[GatewayProcess] = []
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            process = GatewayProcess(
                redis_url=valkey.url, provider_url=provider.base_url, provider_key=provider.key,
                config=config, keys=made[0].keys if made else None,
            )  # fmt: skip
            made.append(process)
            stack.callback(process.close)
            process.launch()
        for process in made:
            process.wait()
        yield made


async def ask_on(
    gateways: list[GatewayProcess],
    team: str,
    question: Callable[[int], str],
    until: Callable[[httpx.Response], bool],
    *,
    clients: int,
    pause_s: float = REFUSED_PAUSE_S,
    ramp_s: float = 0.0,
    **fields: Any,
) -> list[httpx.Response]:
    """Clients that ask again and again, each gateway in turn, until one is told to stop. Returns all answers.

    Args:
        question: the text of the n-th request.
        until: told of each answer, whether it was the last one wanted.
        clients: how many ask at the same time.
        pause_s: how long a refused client waits, which is less than `Retry-After` asks for.
        ramp_s: the clients begin one after the other over this time, so that the window really slides.
        fields: further fields of the request's body.
    """
    answers: list[httpx.Response] = []
    numbers = itertools.count()
    headers = {"Authorization": f"Bearer {gateways[0].keys[team]}"}
    connections = httpx.Limits(max_connections=clients)
    stopped = asyncio.Event()

    async def client(order: int) -> None:
        await asyncio.sleep(ramp_s * order / clients)
        while not stopped.is_set():
            number = next(numbers)
            body = {"messages": [{"role": "user", "content": question(number)}], **fields}
            try:
                answer = await http.post(f"{gateways[number % len(gateways)].url}/v1/chat/completions", json=body)
            except httpx.TransportError:
                await asyncio.sleep(LOST_PAUSE_S)  # That gateway was killed.
                continue
            answers.append(answer)
            if until(answer):
                stopped.set()
            if answer.status_code == 429:
                await asyncio.sleep(pause_s)
            elif ramp_s:
                await asyncio.sleep(ramp_s / clients)

    async with httpx.AsyncClient(headers=headers, limits=connections, timeout=30) as http:
        await asyncio.gather(*(client(order) for order in range(clients)))
    return answers


@dataclass
class Admissions:
    """What Redis noted of a team's admissions, read again and again, since it forgets after a window.

    One that disappears before its window is over was taken back: its gateway never got Redis's answer and refused.

    Attributes:
        requests: when each was admitted, in microseconds of Redis's clock.
        tokens: when those were admitted that used tokens, and how many: the last word on each is the settled one.
        fullest_tokens: the most tokens booked at any reading, reservations included.
        taken_back: how many admissions were for nobody after all.
    """

    team: str
    window_us: int = 60_000_000
    requests: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, tuple[int, int]] = field(default_factory=dict)
    fullest_tokens: int = 0
    taken_back: int = 0

    def look(self, redis: Redis) -> None:
        """Read once."""
        start = f"gw:limits:{{{self.team}}}"
        with redis.pipeline() as together:
            together.time()
            together.zrange(f"{start}:req", 0, -1, withscores=True)
            together.zrange(f"{start}:tok", 0, -1, withscores=True)
            together.hget(f"{start}:sum", "tokens")
            (seconds, micros), requests, tokens, booked = together.execute()
        begun = seconds * 1_000_000 + micros - self.window_us
        there = {name.decode(): int(at) for name, at in requests}
        gone = [name for name, at in self.requests.items() if at > begun and name not in there]
        for name in gone:
            del self.requests[name]
            self.tokens.pop(name, None)
        self.taken_back += len(gone)
        self.requests |= there
        for member, at in tokens:
            name, _, amount = member.decode().rpartition(":")
            self.tokens[name] = (int(at), int(amount))
        self.fullest_tokens = max(self.fullest_tokens, int(booked or 0))

    def heaviest(self) -> int:
        """The most tokens used by requests admitted within one window."""
        rows = sorted(self.tokens.values())
        most = used = first = 0
        for at, amount in rows:
            used += amount
            while at - rows[first][0] >= self.window_us:
                used -= rows[first][1]
                first += 1
            most = max(most, used)
        return most


async def watch(redis: Redis, *watched: Admissions, every_s: float = 0.5) -> None:
    """Read until cancelled."""
    while True:
        for each in watched:
            await asyncio.to_thread(each.look, redis)
        await asyncio.sleep(every_s)


def booked(redis: Redis, team: str) -> tuple[int, int]:
    """The nano-USD booked for a team in all, and how much of that is reserved and not settled."""
    fields = redis.hgetall(f"gw:limits:{{{team}}}:sum")
    open_: list[bytes] = redis.zrange(f"gw:limits:{{{team}}}:open", 0, -1)  # type: ignore[assignment]
    total = sum(int(value) for name, value in fields.items() if name.isdigit())
    return total, sum(int(member.rpartition(b":")[2]) for member in open_)
