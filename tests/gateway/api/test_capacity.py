"""How many requests may be under way, and what the next one is told."""

from __future__ import annotations

import contextlib

import pytest

from tests.gateway.conftest import GATEWAY

assert GATEWAY  # Its import makes the gateway's package importable.

from llm_gateway.api.capacity import RETRY_S, Capacity, Full  # noqa: E402
from llm_gateway.api.refusals import overloaded  # noqa: E402


def test_the_next_one_is_refused_at_once_and_has_room_when_one_has_left() -> None:
    capacity = Capacity(2)
    with capacity.place():
        with capacity.place(), pytest.raises(Full) as refused, capacity.place():
            pass
        assert capacity.under_way == 1
        with capacity.place():
            assert capacity.under_way == 2
    assert capacity.under_way == 0
    assert RETRY_S[0] <= refused.value.retry_s <= RETRY_S[1]


def test_a_failure_gives_its_place_back() -> None:
    capacity = Capacity(1)
    for _ in range(3):
        with contextlib.suppress(ZeroDivisionError), capacity.place():
            raise ZeroDivisionError
    assert capacity.under_way == 0


def test_a_refusal_says_when_to_come_again() -> None:
    reply = overloaded(3)
    assert (reply.status, reply.headers["retry-after"]) == (503, "3")
    assert b'"code":"overloaded"' in bytes(reply.body).replace(b" ", b"")  # type: ignore[arg-type]
