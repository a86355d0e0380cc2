"""The measurement beside other gateways: it asks what it says it asks, and a wrong answer is an error and no figure.

The measurement itself is `./inv dev.bench peers`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from tests.bench.gateway.beside import measure
from tests.bench.gateway.beside.contenders import Contender, Place, Running, ours
from tests.bench.gateway.beside.kinds import KINDS

OF_NAME = {kind.name: kind for kind in KINDS}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with Place() as place:
        yield place


def nothing_between(place: Place) -> Contender:
    """The upstream itself, asked directly, which says of itself that it keeps answers."""

    @contextlib.contextmanager
    def start() -> Iterator[Running]:
        yield Running(place.port, place.upstream.pid)

    return Contender("nothing between", "", str, start, {}, has_cache=True)


@contextlib.contextmanager
def standing(place: Place, contender: Contender) -> Iterator[measure.Stand]:
    with contextlib.ExitStack() as stack:
        yield measure.Stand(place, [contender], stack, processes=1)


def test_this_gateway_answers_each_kind_as_it_is_to_be_measured(place: Place) -> None:
    gateway = ours(place)

    async def each(stand: measure.Stand) -> dict[str, int]:
        counts = {}
        for kind in stand.kinds_of(gateway):
            await stand.warm(gateway, kind)
            counts[kind.name] = len((await stand.ask(gateway, kind, connections=2, requests=10)).ms)
        return counts

    with standing(place, gateway) as stand:
        before = stand.used(gateway)
        assert asyncio.run(each(stand)) == dict.fromkeys(OF_NAME, 10)
        assert all(after > used for after, used in zip(stand.used(gateway), before, strict=True))
        assert measure.memory(stand)[gateway.name] > 50


def test_a_cache_that_does_not_answer_is_no_figure(place: Place) -> None:
    contender = nothing_between(place)
    with standing(place, contender) as stand:
        asked = asyncio.run(stand.ask(contender, OF_NAME["pass"], connections=2, requests=20))
        assert len(asked.ms) == 20
        with pytest.raises(RuntimeError, match="20 requests reached the upstream, not 0"):
            asyncio.run(stand.ask(contender, OF_NAME["hit"], connections=2, requests=20))


def test_an_answer_of_another_kind_is_no_figure(place: Place) -> None:
    contender = nothing_between(place)
    wrong = measure.Kind(**{**vars(OF_NAME["pass"]), "path": "/v1/embeddings"})
    with standing(place, contender) as stand, pytest.raises(RuntimeError, match="not the answer that was to be"):
        asyncio.run(stand.ask(contender, wrong, connections=1, requests=1))


def test_the_figures_of_rounds_keep_their_pairs() -> None:
    """A ratio is of the two figures of one round: 2 and 3, not of medians."""
    ours, theirs = measure.Series(cpu_ms=[1.0, 2.0], per_s=[10.0, 20.0]), measure.Series([2.0, 6.0], per_s=[5.0, 5.0])
    found = measure.ratios({"ours": ours, "theirs": theirs}, "ours")
    assert found == {
        "theirs": {
            "cpu": {"min": 2.0, "median": 2.5, "max": 3.0},
            "per_s": {"min": 0.25, "median": 0.375, "max": 0.5},
        }
    }


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(each) for each in range(1, 101)]
    assert [measure.percentile(values, percent) for percent in (50, 95, 99)] == [50.0, 95.0, 99.0]
    assert measure.percentile([7.0], 99) == 7.0


def test_the_order_of_contenders_turns_round_by_round(place: Place) -> None:
    some = [ours(place), nothing_between(place)]
    assert measure.in_turn(some, 0) == some
    assert measure.in_turn(some, 1) == some[::-1]
