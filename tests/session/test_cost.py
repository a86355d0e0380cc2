"""The monthly estimate adds up what the stack describes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.description.read import read
from ops.runbook.errors import RunbookError
from ops.session.cost import estimate

FILE = Path(__file__).resolve().parents[2] / "ops" / "stack.toml"


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


def test_snapshots_the_regions_mark_up_and_redis_bandwidth_are_in_it() -> None:
    assert usd("volume snapshots") == pytest.approx((40 - 10) * 0.08)
    plain = usd(" gateway")
    marked = usd(" gateway", STACK__FLY__PRICES__REGION_MARKUPS="{ ord = 1.5 }")
    assert marked == pytest.approx(1.5 * plain)
    elsewhere = [item.detail for item in estimate(read(FILE, {"STACK__FLY__REGION": "gru"})) if " gateway" in item.name]
    assert "without gru's mark-up" in elsewhere[0]
    redis = [item.detail for item in estimate(read(FILE, {})) if "cache" in item.name]
    assert "50 GB of traffic" in redis[0]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("FLY__REGION", "xxx", "no region 'xxx'"),
        ("FLY__GROUPS__UI__CPUS", "3", "shared CPUs, not 3"),
        ("FLY__GROUPS__UI__MEMORY_MB", "2304", "256 to 2048 MB"),
        ("FLY__GROUPS__EDGE__MEMORY_MB", "300", "steps of 256"),
        ("FLY__GROUPS__EDGE__COUNT", "0", "at least 1"),
        ("CLICKHOUSE__MEMORY_MB", "16384", "1024 to 8192 MB"),
        ("CLICKHOUSE__VOLUME_GB", "501", "1 to 500"),
        ("STORAGE__VOLUME_MAX_GB", "10", "not below the first"),
    ],
)
def test_what_fly_would_refuse_is_refused_before_anything_is_created(name: str, value: str, says: str) -> None:
    with pytest.raises(RunbookError) as caught:
        read(FILE, {f"STACK__{name}": value})
    assert caught.value.code == "STACK-002"
    assert says in caught.value.what
