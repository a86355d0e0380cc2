"""The scripts for ClickHouse's client, run by a real shell with a stub in the client's place."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ops.description.paths import ROOT
from ops.description.read import read
from ops.render import render_all
from ops.runbook.errors import RunbookError
from ops.services import clickhouse

STACK = read(ROOT / "ops" / "stack.toml", {})
STUB = Path(__file__).parents[1] / "targets" / "fly" / "clickhouse_stub.py"


class Machine:
    """A machine's shell: its variables, its client, what its server keeps."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state.json"
        client = folder / "clickhouse-client"
        client.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STUB}" "$@"\n')
        client.chmod(0o755)
        self.env = {
            "PATH": f"{folder}:{os.environ['PATH']}",
            "CLICKHOUSE_STUB_STATE": str(self.state),
            "CLICKHOUSE_ADMIN_PASSWORD": "admin" * 6,
            "CLICKHOUSE_PASSWORD": "own" * 10,
        }

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh"], input=script, env=self.env, capture_output=True, text=True, timeout=30, check=False
        )

    def alone(self, script: str) -> str:
        """The script on a machine with no other processes: what else runs here may have such variables."""
        assert "/proc/" in script
        return script.replace("/proc/", f"{self.state.parent}/proc/")

    def look(self) -> clickhouse.Report:
        done = self.run(clickhouse.look_script("langfuse", "langfuse"))
        assert done.returncode == 0, done.stderr
        return clickhouse.read(done.stdout)

    def make(self) -> None:
        done = self.run(clickhouse.make_script("langfuse", "langfuse"))
        assert done.returncode == 0, done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_an_empty_server_lacks_database_and_user(machine: Machine) -> None:
    found = machine.look()
    assert found.version == "25.12.1.1"
    assert found.differences() == ["database: not there → there", "user: not there → there"]


def test_what_is_made_is_found_as_wanted_and_making_it_again_changes_nothing(machine: Machine) -> None:
    machine.make()
    assert machine.look().differences() == []
    before = json.loads(machine.state.read_text())
    machine.make()
    assert json.loads(machine.state.read_text()) == before


def test_the_user_gets_rights_on_its_database_and_six_system_tables_only(machine: Machine) -> None:
    machine.make()
    grants = json.loads(machine.state.read_text())["users"]["langfuse"]["grants"]
    assert {where for _, where, _ in grants} == {"langfuse", "system"}
    assert {table for right, where, table in grants if where == "system" and right == "SELECT"} == set(
        clickhouse.SYSTEM_TABLES
    )
    assert not any(right in ("ALL", "CREATE DATABASE", "DROP DATABASE") for right, _, _ in grants)


def test_the_user_may_change_the_settings_of_its_own_tables(machine: Machine) -> None:
    # Langfuse's migrations do (ALTER TABLE scores MODIFY SETTING enable_block_number_column = 1, from 0048 on).
    machine.make()
    grants = json.loads(machine.state.read_text())["users"]["langfuse"]["grants"]
    assert ["ALTER TABLE", "langfuse", "*"] in grants


def test_l1_the_user_may_hold_the_merges_of_its_own_tables(machine: Machine) -> None:
    machine.make()
    grants = json.loads(machine.state.read_text())["users"]["langfuse"]["grants"]
    assert ["SYSTEM MERGES", "langfuse", "*"] in grants
    assert not [where for right, where, _ in grants if right == "SYSTEM MERGES" and where != "langfuse"]


# What a server of 25.12 or later keeps about itself as it comes, without an end.
ENDLESS = {
    "aggregated_zookeeper_log", "asynchronous_metric_log", "background_schedule_pool_log", "backup_log", "error_log",
    "latency_log", "metric_log", "opentelemetry_span_log", "part_log", "query_log", "query_metric_log",
    "query_thread_log", "query_views_log", "s3queue_log", "text_log", "trace_log", "zookeeper_connection_log",
}  # fmt: skip


def test_every_table_a_server_keeps_about_itself_is_off_or_ends() -> None:
    root = ElementTree.fromstring(render_all(STACK)["clickhouse/config.d/docker_related_config.xml"])
    ended = {part.tag for part in root if part.get("remove") == "1" or part.findtext("ttl")}
    assert ENDLESS - ended == set()


def test_a_changed_password_a_lost_right_and_one_too_many_are_found(machine: Machine) -> None:
    machine.make()
    state = json.loads(machine.state.read_text())
    user = state["users"]["langfuse"]
    user["password"] = "by-hand"
    user["grants"] = [g for g in user["grants"] if g[0] != "INSERT"] + [["SELECT", "shop", "*"]]
    machine.state.write_text(json.dumps(state))
    found = machine.look()
    assert not found.opens
    assert found.lacking == ("INSERT",)
    assert found.beyond == ("SELECT ON shop.*",)
    machine.make()
    assert machine.look().differences() == []


def test_no_password_is_in_a_script_and_a_machine_without_one_says_which(machine: Machine) -> None:
    for script in (clickhouse.look_script("langfuse", "langfuse"), clickhouse.make_script("langfuse", "langfuse")):
        assert "admin" * 6 not in script
        del machine.env["CLICKHOUSE_PASSWORD"]
        done = machine.run(machine.alone(script))
        assert done.returncode == 3
        assert "CLICKHOUSE_PASSWORD is not set" in done.stderr
        machine.env["CLICKHOUSE_PASSWORD"] = "own" * 10


@pytest.mark.parametrize("name", ["lang fuse", "x'; DROP", "$(id)", "", "1st", "a-b"])
def test_a_name_that_would_need_quoting_is_refused(name: str) -> None:
    with pytest.raises(RunbookError) as caught:
        clickhouse.make_script(name, "langfuse")
    assert caught.value.code == "CH-002"
