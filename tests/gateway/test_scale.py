"""What a request costs Redis, in commands: one more is a seventh of the load, and shows here. `inv dev.bench scale`."""

from __future__ import annotations

import asyncio

from tests.bench.gateway import scale
from tests.gateway.valkey_server import ValkeyServer

SENT = {
    "miss": {"evalsha": 4, "get": 1, "xrange": 1},
    "miss, streamed": {"evalsha": 4, "get": 1, "xrange": 1},
    "miss, no cache": {"evalsha": 2},
    "exact hit": {"evalsha": 1},
    "semantic hit": {"evalsha": 2, "get": 1},
    "semantic hit, judged and checked": {"evalsha": 7, "get": 3, "hincrby": 2, "mget": 1, "xrange": 1},
}
"""By kind of request: limits reserved and settled, entries kept, the log read on."""


def test_commands_of_each_kind_of_request() -> None:
    with ValkeyServer() as server:
        found = asyncio.run(scale.kinds(server, 4))
    assert {name: kind.sent for name, kind in found.items()} == SENT
    hit = found["exact hit"]
    assert hit.received < 700, "the names of six keys and ten numbers"
    assert hit.told < 1_500, "the kept answer, and the figures of the limits"


def test_a_second_of_a_fleet() -> None:
    """Three gateways, in virtual time: what is asked is answered, and each hears of the others' admissions."""
    with ValkeyServer() as server:
        found = asyncio.run(scale.load(server, 3, 100, 0.5, semantic=True))
    assert 0.1 < found["share of answers from a cache"] < 0.6
    assert found["commands sent, per s"] > 100
    # Each second the totals of five teams, of each gateway, and the switches, and what was counted now and then. Five
    # seconds see at least four beats.
    assert 4 / 5 * 3 * 5 <= found["idle: commands, per s"] <= 3 * 10
    follows = scale.follows(found, 3, 100)
    assert min(follows.values()) > 0
