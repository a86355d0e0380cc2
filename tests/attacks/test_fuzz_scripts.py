"""The scripts in Redis, called with arguments that no gateway sends.

A call is refused, or leaves the books as books are: nothing below nothing, sums that are the sums of what is listed,
nothing that stays for ever, and nothing of another team touched.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from redis.exceptions import ResponseError

from tests.attacks.fuzz import Case, cases
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import PACKAGE

Redis = Any
"""Its client; of its answers its types say only that they may be anything, awaitable or not."""
Arguments = list[str | int | bytes]
CALLS = 800
ODD: tuple[str | bytes, ...] = (
    "", " ", "-1", "-0", "+1", "01", "1.5", "1e3", "1e999", "nan", "NaN", "inf", "-inf", "0x10", "9" * 15, "9" * 16,
    str(2**53), str(2**53 + 1), str(2**63 - 1), str(2**63), str(-(2**63)), "9" * 40, "1 ", " 1", "1\n", "one", "١",
    b"\x00", b"1\x00", b"\xff", "a:b", "*", "{other}", "1:2", "%d", "x" * 300,
)  # fmt: skip
PREFIX = "gw:"
OTHERS: dict[str, Any] = {
    f"{PREFIX}limits:{{other}}:sum": {"epoch": "1", "tokens": "5"},
    f"{PREFIX}exact:{{other}}:1": "0-1 theirs",
}
DAY = 86_400_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer() as started:
        yield started


@pytest.fixture
def redis(server: ValkeyServer) -> Iterator[Redis]:
    with server.client() as client:
        client.flushall()
        for key, value in OTHERS.items():
            _ = client.hset(key, mapping=value) if isinstance(value, dict) else client.set(key, value)
        yield client


def script(redis: Redis, name: str) -> Callable[[list[str], Arguments], Any]:
    made: Callable[[list[str], Arguments], Any] = redis.register_script((PACKAGE / "llm_gateway" / name).read_text())
    return made


def spoiled(arguments: Arguments, rng: random.Random) -> Arguments:
    """Most of the time one or two of them odd, sometimes too few or too many."""
    changed = list(arguments)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        changed[rng.randrange(len(changed))] = rng.choice(ODD)
    match rng.randrange(12):
        case 0:
            del changed[rng.randrange(len(changed)) :]
        case 1:
            changed += [rng.choice(ODD) for _ in range(rng.randrange(1, 4))]
        case 2:
            del changed[rng.randrange(len(changed))]
    return changed


def untouched(redis: Redis) -> None:
    for key, value in OTHERS.items():
        if isinstance(value, dict):
            assert redis.hgetall(key) == {name.encode(): each.encode() for name, each in value.items()}
        else:
            assert redis.get(key) == value.encode()


def own_keys(redis: Redis) -> list[bytes]:
    return [key for key in redis.scan_iter(count=1000) if key.decode("latin-1") not in OTHERS]


def _tried(redis: Redis, case: Case, call: partial[Any], check: Callable[[Redis], None]) -> str:
    """Whether a call was taken or refused; the books have to be sound after either."""
    try:
        call()
        how = "taken"
    except ResponseError:
        how = "refused"
    try:
        check(redis)
        untouched(redis)
    except AssertionError as error:
        pytest.fail(f"{case.again}: {error}\nafter {call.args}")
    return how


class Limits:
    """Calls of limits.lua."""

    def __init__(self) -> None:
        self.keys = [f"{PREFIX}limits:{{shop}}:{part}" for part in ("req", "tok", "open", "done", "sum")]
        self.known: list[tuple[str, int, int]] = []
        self.today = 0

    def call(self, rng: random.Random, number: int) -> Arguments:
        """Arguments as a gateway would send them."""
        tokens, nano = rng.choice((0, 1, 7, 500, 10**6)), rng.choice((0, 1, 900, 10**9))
        used = [rng.choice((0, 1, tokens, 10**5)), rng.choice((0, nano, 10**8))]
        identity = f"id{number}"
        id_, reserved_tokens, reserved_nano = rng.choice(self.known) if self.known else (identity, tokens, nano)
        # Half a millisecond, so that most of what is booked leaves the window while this goes on.
        head: Arguments = [500, ""]
        match rng.randrange(5):
            case 0 | 1:
                self.known = [*self.known[-20:], (identity, tokens, nano)]
                return ["reserve", *head, identity, 1, tokens, nano, 10**6, 10**9, 10**12, rng.randrange(2)]
            case 2 | 3:
                return ["settle", *head, id_, reserved_tokens, reserved_nano, *used, self.today, rng.randrange(2)]
            case _:
                told = used if rng.randrange(2) else ["", ""]
                return ["record", *head, id_, 1, reserved_tokens, reserved_nano, *told, rng.randrange(1000), self.today]

    def check(self, redis: Redis) -> None:
        """The books are sound."""
        _, tokens, reservations, _, sums = self.keys
        assert set(own_keys(redis)) <= {key.encode() for key in self.keys}
        for key in own_keys(redis):
            assert redis.pttl(key) != -1, f"{key!r} stays for ever"
        row = redis.hgetall(sums)
        for name, value in row.items():
            assert re.fullmatch(rb"[0-9]+", value), f"{name!r} is {value!r}"
            assert re.fullmatch(rb"epoch|tokens|[0-9]{1,16}", name), name
        listed = redis.zrange(tokens, 0, -1)
        for member in listed:
            assert re.fullmatch(rb"(?s).*:[1-9][0-9]*", member), member
        assert int(row.get(b"tokens", 0)) >= sum(int(member.rpartition(b":")[2]) for member in listed)
        for member in redis.zrange(reservations, 0, -1):
            assert re.fullmatch(rb"(?s).*:[0-9]+:[0-9]+", member), member


def test_the_limits_books_stay_sound_whatever_is_asked_of_their_script(redis: Redis) -> None:
    run, limits = script(redis, "limits/limits.lua"), Limits()
    limits.today = redis.time()[0] // 86_400
    tried = Counter[str]()
    for case in cases(CALLS):
        arguments = limits.call(case.random, case.number)
        if case.random.randrange(3):
            arguments = spoiled(arguments, case.random)
        keys = limits.keys[: case.random.choice((5, 5, 5, 5, 5, 5, 5, 5, 4, 0))]
        tried[_tried(redis, case, partial(run, keys, arguments), limits.check)] += 1
    assert tried["taken"] > tried["refused"] / 2 > 0, "either nothing was refused or hardly anything was tried"


class Caches:
    """Calls of keep.lua and forget.lua."""

    TIERS = ("exact", "semantic", "verdict")
    BUDGET = 4000
    used = f"{PREFIX}used:{{shop}}"

    def log(self, tier: int) -> str:
        return f"{PREFIX}log:{self.TIERS[tier]}:{{shop}}"

    def entries(self, tier: int) -> str:
        return f"{PREFIX}{self.TIERS[tier]}:{{shop}}:"

    def keep(self, rng: random.Random) -> tuple[list[str], Arguments]:
        tier, identity = rng.randrange(3), str(rng.randrange(40))
        keys = [self.used, self.entries(tier) + identity, *(self.log(each) for each in range(3))]
        head: Arguments = [self.BUDGET, identity, rng.choice((1, 60_000)), 260, tier + 1, 3]
        lives = [part for each in range(3) for part in (self.entries(each), 60_000)]
        return keys, [*head, *lives, "v" * rng.choice((0, 10, 1000)), *rng.choice(([], ["x", "y"]))]

    def forget(self, rng: random.Random) -> tuple[list[str], Arguments]:
        tier = rng.randrange(3)
        return [self.used, self.log(tier)], [self.entries(tier), "+", rng.choice((1, 3))]

    def check(self, redis: Redis) -> None:
        """What is counted is what is there."""
        counted = int(redis.get(self.used) or 0)
        rows = [fields for tier in range(3) for _, fields in redis.xrange(self.log(tier))]
        assert counted == sum(int(fields[b"n"]) for fields in rows), "what is counted is not what is there"
        assert counted <= self.BUDGET
        for key in own_keys(redis):
            if not key.startswith((f"{PREFIX}log:".encode(), self.used.encode())):
                assert redis.pttl(key) != -1, f"{key!r} stays for ever"
                assert key.startswith(tuple(self.entries(tier).encode() for tier in range(3))), key


def test_the_caches_books_stay_sound_whatever_is_asked_of_their_scripts(redis: Redis) -> None:
    keep, forget, caches = script(redis, "cache/keep.lua"), script(redis, "cache/forget.lua"), Caches()
    tried = Counter[str]()
    for case in cases(CALLS):
        rng = case.random
        run, (keys, arguments) = (keep, caches.keep(rng)) if rng.randrange(5) else (forget, caches.forget(rng))
        if rng.randrange(3):
            fixed = arguments[:1] if run is keep else []
            # A budget is what it is: one of another size is no fault of the books.
            arguments = [*fixed, *spoiled(arguments[len(fixed) :], rng)]
        tried[_tried(redis, case, partial(run, keys, arguments), caches.check)] += 1
    assert tried["taken"] > tried["refused"] / 2 > 0, "either nothing was refused or hardly anything was tried"
