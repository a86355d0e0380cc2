"""The in-memory index finds what an exact scan finds, at a fraction of the memory traffic."""

from __future__ import annotations

import numpy as np
import pytest
from llm_gateway.cache.index import SHORTLIST, Index, Vector, Wording, quantise


def unit(rows: Vector) -> Vector:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def wording(number: int, *, partition: str = "r") -> Wording:
    return Wording((1000 + number, 0), f"e{number}", partition, f"question {number}", f"e{number}", "")


def filled(vectors: Vector, *, partition: str = "r") -> Index:
    index = Index()
    for number, vector in enumerate(vectors):
        index.put(wording(number, partition=partition), quantise(vector).tobytes())
    return index


@pytest.mark.parametrize("dimensions", [64, 384, 1024, 3072])
def test_int8_codes_move_a_cosine_by_less_than_two_thousandths(dimensions: int) -> None:
    random = np.random.default_rng(1)
    one = unit(random.standard_normal((200, dimensions)))
    other = unit(one + 0.4 * unit(random.standard_normal((200, dimensions))))
    codes = unit(np.stack([quantise(vector) for vector in one]).astype(np.float32))
    error = np.abs((codes * other).sum(1) - (one * other).sum(1))
    assert error.max() < 0.002


@pytest.mark.parametrize("size", [10, SHORTLIST, 6000])
def test_near_neighbours_are_the_ones_an_exact_scan_finds(size: int) -> None:
    random = np.random.default_rng(2)
    topics = unit(random.standard_normal((max(2, size // 20), 1024)))
    stored = unit(topics[random.integers(0, len(topics), size)] + 0.8 * unit(random.standard_normal((size, 1024))))
    index = filled(stored)
    for _ in range(50):
        asked = unit(stored[random.integers(size)] + 0.3 * unit(random.standard_normal(1024)))
        exact = stored @ asked
        similarity, found = index.nearest("r", asked, 1)[0]
        assert found.id == f"e{exact.argmax()}"
        assert similarity == pytest.approx(float(exact.max()), abs=0.002)


def test_rooms_never_mix() -> None:
    vectors = unit(np.eye(8, dtype=np.float32))
    index = filled(vectors, partition="one")
    index.put(wording(100, partition="two"), quantise(vectors[0]).tobytes())
    assert [found.id for _, found in index.nearest("two", vectors[0], 5)] == ["e100"]
    assert {found.partition for _, found in index.nearest("one", vectors[0], 20)} == {"one"}
    assert index.nearest("nowhere", vectors[0], 5) == []


def test_removed_and_replaced_wordings_are_not_found() -> None:
    vectors = unit(np.eye(6, dtype=np.float32))
    index = filled(vectors)
    index.remove("e2")
    index.remove("e5")
    index.remove("e5")
    index.put(wording(0), quantise(vectors[5]).tobytes())
    assert [found.id for _, found in index.nearest("r", vectors[5], 1)] == ["e0"]
    assert {found.id for _, found in index.nearest("r", vectors[0], 9)} == {"e0", "e1", "e3", "e4"}
    assert len(index) == 4
    for number in (0, 1, 3, 4):
        index.remove(f"e{number}")
    assert index.nearest("r", vectors[0], 9) == []
    index.put(wording(7), quantise(vectors[1]).tobytes())
    assert [found.id for _, found in index.nearest("r", vectors[1], 9)] == ["e7"]


def test_a_purge_removes_only_what_is_older() -> None:
    vectors = unit(np.eye(4, dtype=np.float32))
    index = filled(vectors)
    assert not index.remove_before((1002, 0), 9)
    assert {found.id for _, found in index.nearest("r", vectors[0], 9)} == {"e2", "e3"}
    assert len(index) == 2


def test_what_is_older_goes_some_at_a_time_and_what_was_written_again_stays() -> None:
    vectors = unit(np.eye(8, dtype=np.float32))
    index = filled(vectors)
    index.put(Wording((2000, 0), "e1", "r", "question 1", "e1", ""), quantise(vectors[1]).tobytes())
    assert index.remove_before((1006, 0), 3)
    assert len(index) == 5
    assert not index.remove_before((1006, 0), 3)
    assert {found.id for _, found in index.nearest("r", vectors[0], 9)} == {"e1", "e6", "e7"}


@pytest.mark.parametrize("vector", [np.zeros(4), np.array([1.0, np.nan]), np.array([1.0, np.inf])])
def test_what_is_no_direction_is_refused(vector: Vector) -> None:
    with pytest.raises(ValueError, match="finite"):
        quantise(vector.astype(np.float32))
