"""Long JSON is read as `json.loads` reads it, and others come in meanwhile."""

from __future__ import annotations

import json
import threading
import time
from random import Random
from typing import Any

import pytest
from llm_gateway.api import incremental_json


@pytest.fixture(autouse=True, params=[1, 7, incremental_json.STEP])
def _steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incremental_json, "STEP", request.param)


def anything(random: Random, levels: int = 5) -> Any:
    """A JSON value."""
    kind = random.randrange(9 if levels else 6)
    if kind < 6:
        text = "".join(random.choices('ab"\\{}[],: \n\té\U0001f680', k=random.randrange(6)))
        return [None, True, random.randrange(-9, 9), random.random() * 1e9, text, ""][kind]
    inner = [anything(random, levels - 1) for _ in range(random.randrange(4))]
    return inner if kind == 6 else {f"{random.choice('ab,: ]')}{n}": each for n, each in enumerate(inner)}


@pytest.mark.parametrize("levels", [0, 1, 2, 6])
def test_it_reads_what_json_reads(levels: int) -> None:
    random = Random(levels)
    for number in range(2000):
        value = anything(random)
        text = json.dumps(value, indent=[None, 1][number % 2], ensure_ascii=bool(number % 3))
        assert incremental_json.loads(f" {text}\n".encode(), levels) == value


@pytest.mark.parametrize("levels", [0, 2, 6])
def test_it_refuses_what_json_refuses(levels: int) -> None:
    random = Random(levels)
    refused = 0
    for _ in range(4000):
        text = json.dumps(anything(random))
        at = random.randrange(len(text) + 1)
        broken = (
            text[:at] + random.choice(["", ",", "]", "}", ":", "[", '"', "1", " "]) + text[at + random.randrange(3) :]
        )
        try:
            right = json.loads(broken)
        except ValueError:
            refused += 1
            with pytest.raises(ValueError):
                incremental_json.loads(broken.encode(), levels)
        else:
            assert incremental_json.loads(broken.encode(), levels) == right
    assert refused > 1000


@pytest.mark.parametrize("raw", [b"", b"  ", b"\xff\xfe[]", b'{"a" 1}', b"{1:2}", b"[1] x"])
def test_it_refuses_what_is_no_json(raw: bytes) -> None:
    with pytest.raises(ValueError):
        incremental_json.loads(raw, 3)


def test_what_was_read_at_once_is_kept_in_another_form() -> None:
    raw = b'{"data": [{"vector": [1, 2]}, {"vector": []}], "usage": 3}'
    each = lambda value: len(value["vector"]) if isinstance(value, dict) else value  # noqa: E731
    assert incremental_json.loads(raw, 2, each) == {"data": [2, 0], "usage": 3}


def test_others_come_in_while_it_reads() -> None:
    vectors = json.dumps({"data": [{"index": n, "embedding": [0.0123456789] * 3072} for n in range(300)]}).encode()
    done = threading.Event()
    turns = 0

    def others() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            time.sleep(0.001)

    thread = threading.Thread(target=others)
    thread.start()
    before, began = turns, time.process_time()
    read = incremental_json.loads(vectors, 2)
    during, took = turns - before, time.process_time() - began
    done.set()
    thread.join()
    assert len(read["data"]) == 300
    # A thread that asks gets its turn within some 5 ms; read at once, there would be one turn or two.
    assert during > took / 0.05
