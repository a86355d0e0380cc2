"""Many requests at a time, answers in the order of the requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from yarl import URL

from tests.integration.gateway.harness import GatewayProcess

AT_ONCE = 16
FRESH = {"cache-control": "no-cache, no-store"}


@dataclass(frozen=True)
class Question:
    """One request to the gateway. The path goes out as it is, with whatever is wrong with it."""

    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


@dataclass(frozen=True)
class Heard:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]


def ask_all(gateway: GatewayProcess, questions: Sequence[Question], *, team: str = "admin") -> list[Heard]:
    """Ask them all, some at a time."""

    async def main() -> list[Heard]:
        gate = asyncio.Semaphore(AT_ONCE)
        credentials = {"authorization": f"Bearer {gateway.keys[team]}"}
        async with aiohttp.ClientSession(headers=credentials) as client:

            async def one(number: int, question: Question) -> Heard:
                # Each is somebody else to the brake on malformed requests.
                headers = {"x-gateway-client": str(number), **question.headers}
                url = URL(gateway.url + question.path, encoded=True)
                async with gate, client.request(question.method, url, json=question.body, headers=headers) as answer:
                    return Heard(answer.status, await answer.read(), answer.headers)

            return list(await asyncio.gather(*(one(*each) for each in enumerate(questions))))

    return asyncio.run(main())
