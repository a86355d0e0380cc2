"""Every field of every machine config, changed, removed and added in turn, is a difference; spelling is none."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from ops.description.paths import ROOT
from ops.runbook.errors import RunbookError
from ops.targets.fly import comparing, machine_config

# As the real flyctl made them of every table there is, and as the rendered files give them (tests/conformance).
RECORDED = json.loads((ROOT / "tests" / "conformance" / "machine_configs.json").read_text())
FILES = sorted((ROOT / "fly" / "hotdash-llm-gateway").rglob("fly.toml"))
TOMLS = {file.parent.name: tomllib.loads(file.read_text()) for file in FILES}
CONFIGS = {f"every table/{group}": config for group, config in RECORDED.items()} | {
    f"{name}/{group}": machine_config.of_group(toml, group)
    for name, toml in TOMLS.items()
    for group in toml.get("processes", {"app": ""})
}

Where = tuple[str | int, ...]


def leaves(value: Any, where: Where = ()) -> Iterator[Where]:
    """The place of everything that is neither table nor list."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from leaves(item, (*where, key))
    if not isinstance(value, dict | list):
        yield where


def tables(value: Any, where: Where = ()) -> Iterator[Where]:
    """The place of every table."""
    if isinstance(value, dict):
        yield where
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from tables(item, (*where, key))


def at(value: Any, where: Where) -> Any:
    for key in where:
        value = value[key]
    return value


def other(value: Any) -> Any:
    """Another value of its kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}1s" if str(value)[:1].isdigit() else f"{value}x"


def said(have: Any, want: Any) -> list[str]:
    return comparing.differences(have, want)


@pytest.mark.parametrize("name", CONFIGS)
def test_f1_every_field_changed_or_removed_in_turn_is_one_difference(name: str) -> None:
    """F1: a machine whose services were emptied, and every neighbour of that."""
    want = CONFIGS[name]
    assert said(want, want) == []
    for where in leaves(want):
        if at(want, where) is None:
            continue  # `force_instance_key` says nothing
        changed = copy.deepcopy(want)
        at(changed, where[:-1])[where[-1]] = other(at(want, where))
        found = said(changed, want)
        assert found, where
        assert str(where[0]) in found[0], (where, found)
        if isinstance(where[-1], str) and (at(want, where) or where[-1] == "autostart"):
            without = copy.deepcopy(want)
            del at(without, where[:-1])[where[-1]]
            assert (said(without, want) == []) == (where[0] == "mounts" and where[-1] == "name"), where


@pytest.mark.parametrize("name", CONFIGS)
def test_f1_whatever_is_added_by_hand_is_a_difference(name: str) -> None:
    """F1: a setting nobody asked for, at every level."""
    want = CONFIGS[name]
    for where in tables(want):
        more = copy.deepcopy(want)
        at(more, where)["by_hand"] = "yes"
        (line,) = said(more, want)
        assert "by_hand" in line
        assert line.endswith("→ none")
    for key, rows in want.items():
        if isinstance(rows, list) and rows:
            more = copy.deepcopy(want)
            more[key].append({**rows[-1], "internal_port": 1, "path": "/1", "protocol": "udp"})
            assert said(more, want), key
            assert said({**want, key: []}, want), key


@pytest.mark.parametrize(
    ("have", "want"),
    [
        ({"checks": {"a": {"interval": "1m0s"}}}, {"checks": {"a": {"interval": "60s"}}}),
        ({"checks": {"a": {"interval": 60_000_000_000}}}, {"checks": {"a": {"interval": "60s"}}}),
        ({"services": [{"autostop": "off"}]}, {"services": [{"autostop": False}]}),
        ({"services": [{"autostop": "stop"}]}, {"services": [{"autostop": True}]}),
        ({"services": [{"checks": [{"method": "GET"}]}]}, {"services": [{"checks": [{"method": "get"}]}]}),
        ({"guest": {"persist_rootfs": "never"}, "dns": {}, "auto_destroy": False}, {"guest": {}}),
        ({"mounts": [{"path": "/d", "volume": "vol_1", "encrypted": True}]}, {"mounts": [{"path": "/d", "name": "n"}]}),
    ],
)
def test_another_spelling_is_no_difference(have: dict[str, Any], want: dict[str, Any]) -> None:
    assert said(have, want) == []


def test_values_of_variables_are_not_shown() -> None:
    lines = said({"env": {"A": "s3cret", "B": "1"}}, {"env": {"B": "2", "C": "3"}})
    assert lines == ["env.A: set → none", "env.B: another value", "env.C: none → set"]


def test_what_no_deploy_takes_away_is_told_apart() -> None:
    lines = said({"schedule": "hourly", "standbys": ["m2"], "guest": {"cpus": 2}}, {"guest": {"cpus": 1}})
    assert comparing.kept(lines) == ["schedule: hourly → none", "standbys: m2 → none"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[[files]]\nguest_path='/a'\nraw_value='b'", "files"),
        ("[[vm]]\nnew_thing=1", "vm.new_thing"),
        ("[[services]]\ninternal_port=1\nnew_thing=1", "services.new_thing"),
        ("[checks.a]\nnew_thing=1", "checks.new_thing"),
        ("[[mounts]]\nsource='a'\nnew_thing=1", "mounts.new_thing"),
        ("[experimental]\nmachine_config='x'", "experimental.machine_config"),
    ],
)
def test_a_key_that_is_not_translated_is_refused_not_passed_over(text: str, names: str) -> None:
    with pytest.raises(RunbookError) as caught:
        machine_config.of_group(tomllib.loads(f"app='a'\n{text}"), "app")
    assert caught.value.code == "FLY-053"
    assert names in caught.value.what
