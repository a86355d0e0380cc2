"""Supervisor, Postgres, pooled port and Redis: real servers, through what may happen to them."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest
import redis

from ops.description.paths import ROOT
from ops.runbook.errors import RunbookError
from ops.runbook.interrupt import wait_until
from ops.runbook.secret import Secret
from ops.runbook.step import State
from ops.targets.deployment import Deployment
from ops.targets.local import processes
from ops.targets.local.daemon import NAME as SUPERVISORD
from ops.targets.local.ports import has_ipv6
from tests.integration.local.bring_up import FIRST, converge
from tests.lacking import lacking
from tests.targets.local import support


def up(deployment: Deployment) -> int:
    return converge(deployment, FIRST)


def pid(deployment: Deployment, name: str) -> int:
    return processes.alive(support.local(deployment).layout.pids / name)


def pids(deployment: Deployment) -> dict[str, int]:
    return {file.name: pid(deployment, file.name) for file in support.local(deployment).layout.pids.iterdir()}


def execute(deployment: Deployment, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(deployment.vault.get("SUPABASE_DIRECT_URL").reveal(), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def client(deployment: Deployment) -> redis.Redis:
    return redis.Redis.from_url(deployment.vault.get("REDIS_URL").reveal(), decode_responses=True)


def test_from_nothing_to_running_and_then_nothing_to_do(servers: Deployment) -> None:
    support.down(servers, purge=True)
    assert up(servers) == len(FIRST)
    assert up(servers) == 0


def test_the_servers_answer_as_the_stack_wants_them(servers: Deployment) -> None:
    up(servers)
    assert execute(servers, "SELECT current_user") == [("postgres",)]
    with psycopg.connect(servers.vault.get("SUPABASE_POOLED_URL").reveal()) as pooled:
        assert pooled.execute("SELECT 1").fetchone() == (1,)
    with client(servers) as connection:
        settings = connection.config_get("maxmemory*", "appendonly")
    assert settings["maxmemory"] == str(servers.stack.redis.max_memory_mb * 2**20)
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["appendonly"] == "yes"


def test_nobody_gets_in_without_the_password(servers: Deployment) -> None:
    up(servers)
    ports = support.local(servers).rehearsal.ports
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres:wrong@127.0.0.1:{ports.get('postgres')}/postgres?sslmode=disable")
    with pytest.raises(redis.AuthenticationError), redis.Redis("127.0.0.1", ports.get("redis")) as stranger:
        stranger.ping()


def test_they_listen_on_loopback_and_nowhere_else(servers: Deployment) -> None:
    up(servers)
    reserved = support.local(servers).rehearsal.ports.known()
    addresses = [address for address in _own_addresses() if not address.startswith(("127.", "::1"))]
    for name in ("postgres", "pooler", "redis"):
        if has_ipv6():
            socket.create_connection(("::1", reserved[name]), timeout=2).close()
        for address in addresses:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((address, reserved[name]), timeout=2)


def _own_addresses() -> list[str]:
    """Addresses this machine uses towards others. Nothing is sent: connecting a UDP socket only picks a route."""
    found = []
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                found.append(probe.getsockname()[0])
        except OSError:
            continue
    return found


def test_stopping_leaves_no_process_and_the_next_start_finds_the_data(servers: Deployment) -> None:
    up(servers)
    execute(servers, "CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
    with client(servers) as connection:
        connection.set("kept", "42")
    before, ports = pids(servers), support.local(servers).rehearsal.ports.known()
    assert sorted(support.down(servers)) == sorted(before)
    assert not any(processes.group_alive(number) for number in before.values())
    assert not support.local(servers).layout.run.exists()
    assert up(servers) == len(FIRST)
    assert execute(servers, "SELECT answer FROM kept") == [(42,)]
    with client(servers) as connection:
        assert connection.get("kept") == "42"
    assert support.local(servers).rehearsal.ports.known() == ports


def test_purging_removes_data_ports_and_vault(servers: Deployment) -> None:
    up(servers)
    support.down(servers, purge=True)
    left = [path.name for path in servers.paths.state.iterdir()]
    assert left in ([], ["vault.json.lock"])
    assert up(servers) == len(FIRST)


def test_servers_of_a_killed_supervisor_are_found_and_replaced(servers: Deployment) -> None:
    up(servers)
    execute(servers, "CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
    before = pids(servers)
    os.kill(before[SUPERVISORD], signal.SIGKILL)
    assert pid(servers, "postgres") == before["postgres"], "a child should have survived its supervisor"
    assert up(servers) == len(FIRST)
    assert not any(processes.group_alive(number) for number in before.values())
    assert execute(servers, "SELECT answer FROM kept") == [(42,)]


def test_servers_of_a_killed_supervisor_can_be_stopped(servers: Deployment) -> None:
    up(servers)
    before = pids(servers)
    os.kill(before[SUPERVISORD], signal.SIGKILL)
    support.down(servers)
    assert not any(processes.group_alive(number) for number in before.values())


def test_a_supervisor_that_hangs_is_replaced(servers: Deployment) -> None:
    up(servers)
    before = pids(servers)
    os.kill(before[SUPERVISORD], signal.SIGSTOP)
    support.local(servers).layout.supervisor_socket.unlink()
    assert up(servers) == len(FIRST)
    assert not any(processes.group_alive(number) for number in before.values())


def test_servers_are_found_though_the_state_folder_was_removed_under_them(servers: Deployment) -> None:
    up(servers)
    before = pids(servers)
    shutil.rmtree(servers.paths.state)
    assert up(servers) == len(FIRST)
    assert not any(processes.group_alive(number) for number in before.values())
    assert up(servers) == 0


def test_servers_are_found_by_a_command_without_the_users_runtime_folder(tmp_path: Path) -> None:
    runtime = Path(tempfile.mkdtemp(prefix="run"))
    try:
        logged_in = support.deployment(tmp_path, XDG_RUNTIME_DIR=str(runtime))
        up(logged_in)
        assert support.local(logged_in).layout.run.parent == runtime
        assert up(support.deployment(tmp_path)) == 0
    finally:
        support.down(support.deployment(tmp_path), purge=True)
        shutil.rmtree(runtime)


def test_a_server_that_is_killed_comes_back_by_itself(servers: Deployment) -> None:
    up(servers)
    before = pid(servers, "redis")
    os.kill(before, signal.SIGKILL)
    part = servers.target.redis
    wait_until(lambda: part.look(servers).satisfied, what="redis to be back", timeout=15)
    assert pid(servers, "redis") != before


def test_after_a_reboot_everything_starts_again(servers: Deployment) -> None:
    up(servers)
    execute(servers, "CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
    layout = support.local(servers).layout
    stale = {file: file.read_text() for file in layout.pids.iterdir()}
    support.down(servers)
    for file in stale:
        # What the machine finds after a crash: records of pids that others have now.
        file.write_text(f"{os.getpid()} another-boot:1\n")
    assert up(servers) == len(FIRST)
    assert execute(servers, "SELECT answer FROM kept") == [(42,)]


def test_a_lost_vault_is_made_anew_and_the_servers_take_its_passwords(servers: Deployment) -> None:
    up(servers)
    execute(servers, "CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
    old = servers.vault.get("SUPABASE_DIRECT_URL")
    servers.vault.path.unlink()
    assert up(servers) > 0
    assert servers.vault.get("SUPABASE_DIRECT_URL") != old
    assert execute(servers, "SELECT answer FROM kept") == [(42,)]
    assert up(servers) == 0


def test_settings_changed_by_hand_are_drift_and_put_back(servers: Deployment) -> None:
    up(servers)
    with client(servers) as connection:
        connection.config_set("maxmemory-policy", "allkeys-lru")
    look = servers.target.redis.look(servers)
    assert look.state is State.DRIFTED
    assert "allkeys-lru → noeviction" in look.diff
    assert up(servers) == 1
    with client(servers) as connection:
        assert connection.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"


def test_another_memory_limit_in_the_stack_is_drift(servers: Deployment) -> None:
    up(servers)
    smaller = support.deployment(servers.paths.root, STACK__REDIS__MAX_MEMORY_MB="64")
    assert smaller.target.redis.look(smaller).state is State.DRIFTED
    assert converge(smaller, ("redis",)) == 1
    with client(smaller) as connection:
        assert connection.config_get("maxmemory")["maxmemory"] == str(64 * 2**20)


def test_a_port_taken_while_we_were_down_is_a_clear_error(servers: Deployment) -> None:
    up(servers)
    support.down(servers)
    port = support.local(servers).rehearsal.ports.get("redis")
    with socket.create_server(("127.0.0.1", port)), pytest.raises(RunbookError) as caught:
        up(servers)
    assert caught.value.code == "LOCAL-003"
    assert str(port) in caught.value.what
    assert up(servers) == 1


def test_a_server_that_cannot_start_says_why_in_its_own_words(servers: Deployment) -> None:
    up(servers)
    layout = support.local(servers).layout
    support.down(servers)
    (layout.data("postgres") / "data" / "global" / "pg_control").unlink()
    with pytest.raises(RunbookError) as caught:
        up(servers)
    support.down(servers, purge=True)
    assert caught.value.code == "LOCAL-005"
    assert "pg_control" in caught.value.why


def test_logs_are_readable_and_hold_no_secret(servers: Deployment) -> None:
    up(servers)
    said = "\n".join(support.logs(servers, "redis"))
    assert "Ready to accept connections" in said
    execute(servers, "SELECT 1")
    for secret in ("SUPABASE_DIRECT_URL", "REDIS_URL"):
        value = servers.vault.get(secret).reveal()
        assert all(value not in file.read_text() for file in support.local(servers).layout.logs.iterdir())


def test_a_secret_in_a_log_is_not_shown(servers: Deployment) -> None:
    up(servers)
    servers.vault.put({"SOME_KEY": Secret("value-that-must-not-show")}, origin="generated")
    with support.local(servers).layout.log("redis").open("a") as log:
        log.write("key=value-that-must-not-show\n")
    assert support.logs(servers, "redis", 1) == ["key=[redacted]"]


def test_status_tells_what_runs(servers: Deployment) -> None:
    up(servers)
    found = {server.name: server for server in support.status(servers)}
    assert set(found) == {SUPERVISORD, "postgres", "pooler", "redis"}
    assert {server.state for server in found.values()} <= {"RUNNING", "STARTING"}
    assert found["redis"].pid == pid(servers, "redis")
    assert found["redis"].ports == {"redis": support.local(servers).rehearsal.ports.get("redis")}
    support.down(servers)
    assert {server.pid for server in support.status(servers)} == {0}


def test_a_run_killed_at_any_moment_is_finished_by_the_next_and_no_secret_changes(tmp_path: Path) -> None:
    deployment = support.deployment(tmp_path)
    command = [sys.executable, "-m", "tests.integration.local.bring_up", str(tmp_path)]
    kept: dict[str, Secret] = {}
    try:
        for moment in range(1, 40):
            lines = _run_until_line(command, moment)
            for name, secret in kept.items():
                assert deployment.vault.get(name) == secret, f"{name} changed after the kill at line {moment}"
            kept = {name: deployment.vault.get(name) for name in deployment.vault.names()}
            if lines[-1:] == ["done"]:
                break
        assert lines[-1:] == ["done"]
        assert set(kept) == {"SUPABASE_DIRECT_URL", "SUPABASE_POOLED_URL", "REDIS_URL"}
        assert up(deployment) == 0
        names = [server.name for server in support.status(deployment)]
        assert names == [SUPERVISORD, "pooler", "postgres", "redis"]
    finally:
        support.down(deployment, purge=True)


def _run_until_line(command: list[str], moment: int) -> list[str]:
    """Run, kill at the line of that number, give the lines said."""
    lines: list[str] = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            lines.append(line.strip())
            if len(lines) == moment:
                os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return lines


@pytest.mark.skipif(os.getuid() != 0, reason="only root has to become somebody else")
def test_as_root_without_user_namespaces_postgres_runs_as_nobody(
    servers: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.targets.local.identity.namespaces_work", lambda: False)
    support.down(servers, purge=True)
    up(servers)
    home = Path("/var/tmp") / support.local(servers).layout.run.name
    assert "account nobody" in support.local(servers)._server.look(servers).evidence
    assert os.stat(f"/proc/{pid(servers, 'postgres')}").st_uid != 0
    support.down(servers)
    assert up(servers) == len(FIRST)
    support.down(servers, purge=True)
    assert not home.exists()


@pytest.mark.skipif(shutil.which("pgbouncer") is None, reason=lacking("no pgbouncer on PATH"))
def test_where_pgbouncer_is_installed_the_pooled_port_really_pools(servers: Deployment) -> None:
    up(servers)
    assert (
        "pgbouncer"
        in next(step for step in servers.target.preparation() if step.key == "local.pooler").look(servers).evidence
    )
    pooled = servers.vault.get("SUPABASE_POOLED_URL").reveal()
    backends = set()
    for _ in range(5):
        with psycopg.connect(pooled, prepare_threshold=None) as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            backends.add(row[0])
    assert len(backends) == 1, "each client had a server connection of its own"
