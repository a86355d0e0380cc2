"""The monthly estimate adds up what the stack describes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.cost import estimate
from ops.runbook.errors import RunbookError
from ops.stack import read

FILE = Path(__file__).resolve().parents[1] / "ops" / "stack.toml"


def usd(name: str, **environ: str) -> float:
    return sum(item.usd for item in estimate(read(FILE, environ)) if name in item.name)


def test_a_machine_is_its_cpus_with_their_memory_and_every_further_gigabyte() -> None:
    one = {f"STACK__FLY__GROUPS__{group}__COUNT": "1" for group in ("EDGE", "GATEWAY")}
    assert usd(" edge", **one) == pytest.approx(2.02)
    assert usd(" gateway", **one) == pytest.approx(2.02 + 1.75 * 5)


def test_two_machines_cost_twice_as_much() -> None:
    one = usd(" gateway", STACK__FLY__GROUPS__GATEWAY__COUNT="1")
    assert usd(" gateway", STACK__FLY__GROUPS__GATEWAY__COUNT="2") == pytest.approx(2 * one)


def test_a_second_redis_and_flys_own_object_store_change_the_bill() -> None:
    assert usd("cache", STACK__REDIS__QUEUE_NAME="queue") == pytest.approx(20)
    assert usd("minio", STACK__STORAGE__PROVIDER="tigris") == 0


def test_a_plan_without_a_price_is_an_error() -> None:
    with pytest.raises(RunbookError) as caught:
        usd("", STACK__REDIS__PLAN="Fixed 3GB")
    assert caught.value.code == "COST-001"
