"""Identical requests share a call, and nobody suffers for the one that leads."""

from __future__ import annotations

import asyncio

import pytest
from llm_gateway.cache.single_flight import Flights, Lead, Shared


class Upstream:
    """Counts calls; answers when told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> str:
        self.calls += 1
        await self.gate.wait()
        return f"answer {self.calls}"


async def ask(flights: Flights[str], upstream: Upstream, key: str = "k", wait_s: float = 5) -> str:
    place = await flights.join(key, wait_s=wait_s)
    if isinstance(place, Shared):
        return place.answer
    with place:
        answer = await upstream()
        place.finish(answer)
        return answer


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_identical_requests_make_one_call_and_others_their_own() -> None:
    async def main() -> None:
        flights, upstream = Flights[str](), Upstream()
        same = [asyncio.create_task(ask(flights, upstream)) for _ in range(50)]
        other = asyncio.create_task(ask(flights, upstream, key="other"))
        await settle()
        upstream.gate.set()
        assert len(set(await asyncio.gather(*same))) == 1
        await other
        assert upstream.calls == 2
        assert len(flights) == 0
        await ask(flights, upstream)
        assert upstream.calls == 3  # A later request is not served by a finished flight.

    asyncio.run(main())


@pytest.mark.parametrize("how", ["cancelled", "failing"])
def test_a_follower_takes_over_from_a_lost_leader(how: str) -> None:
    async def main() -> None:
        flights, upstream = Flights[str](), Upstream()

        async def broken() -> str:
            place = await flights.join("k", wait_s=5)
            assert isinstance(place, Lead)
            with place:
                await upstream.gate.wait()
                raise ConnectionError

        leader = asyncio.create_task(ask(flights, upstream) if how == "cancelled" else broken())
        await settle()
        followers = [asyncio.create_task(ask(flights, upstream)) for _ in range(3)]
        await settle()
        before = upstream.calls
        if how == "cancelled":
            leader.cancel()
        upstream.gate.set()
        assert len(set(await asyncio.gather(*followers))) == 1
        assert upstream.calls == before + 1
        with pytest.raises((asyncio.CancelledError, ConnectionError)):
            await leader
        assert len(flights) == 0

    asyncio.run(main())


def test_a_follower_that_leaves_takes_nobody_along() -> None:
    async def main() -> None:
        flights, upstream = Flights[str](), Upstream()
        leader, leaving, staying = (asyncio.create_task(ask(flights, upstream)) for _ in range(3))
        await settle()
        leaving.cancel()
        await settle()
        upstream.gate.set()
        assert await staying == await leader
        assert upstream.calls == 1
        assert len(flights) == 0

    asyncio.run(main())


def test_leader_and_next_follower_cancelled_together_leave_the_lead_to_the_third() -> None:
    async def main() -> None:
        flights, upstream = Flights[str](), Upstream()
        leader, second, third = (asyncio.create_task(ask(flights, upstream)) for _ in range(3))
        await settle()
        leader.cancel()
        second.cancel()
        upstream.gate.set()
        assert await third == "answer 2"
        assert len(flights) == 0

    asyncio.run(main())


def test_a_follower_past_its_deadline_calls_for_itself() -> None:
    async def main() -> None:
        flights, slow, quick = Flights[str](), Upstream(), Upstream()
        quick.gate.set()
        leader = asyncio.create_task(ask(flights, slow))
        await settle()
        assert await ask(flights, quick, wait_s=0.01) == "answer 1"
        assert not leader.done()
        slow.gate.set()
        await leader
        assert len(flights) == 0

    asyncio.run(main())
