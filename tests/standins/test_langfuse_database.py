"""The Langfuse stand-in migrates over one port and reads over another, against a real Postgres."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from ops.standins.langfuse_database import MIGRATIONS
from tests.services.real_servers import Postgres, free_port, postgres, wait_for

ROOT = Path(__file__).parents[2]
HEALTH = "/api/public/health?failIfDatabaseUnavailable=true"


class Forward:
    """A second port in front of Postgres, which can be taken away."""

    def __init__(self, to: int) -> None:
        self.port = free_port()
        self._to = to
        self._process: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        command = [sys.executable, "-m", "ops.targets.local.forward"]
        command += ["--listen", str(self.port), "--to", str(self._to)]
        self._process = subprocess.Popen(command, cwd=ROOT)
        wait_for(self._accepts, "the forward")

    def _accepts(self) -> bool:
        import socket

        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True

    def down(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@dataclass
class World:
    """A database with a role which owns the schema ``langfuse``, and its two ports."""

    server: Postgres
    forward: Forward
    password: str

    def env(self, schema: str = "langfuse") -> dict[str, str]:
        def url(port: int) -> str:
            return f"postgresql://lf_app:{self.password}@127.0.0.1:{port}/postgres?schema={schema}"

        pooled = url(self.forward.port) + "&pgbouncer=true&connection_limit=5&sslmode=disable"
        return {"DATABASE_URL": pooled, "DIRECT_URL": url(self.server.port) + "&sslmode=disable"}

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.server.url().reveal()) as connection:
            connection.execute(statement.encode())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.server.url().reveal()) as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        password = secrets.token_hex(12)
        with psycopg.connect(server.url().reveal(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE lf_app LOGIN PASSWORD {}").format(sql.Literal(password)))
            connection.execute("CREATE SCHEMA langfuse AUTHORIZATION lf_app")
            connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        forward = Forward(server.port)
        forward.up()
        yield World(server, forward, password)
        forward.down()


@pytest.fixture
def server(start: Callable[..., Any], deployment: World, langfuse_env: dict[str, str]) -> Any:
    return start("langfuse", env={**langfuse_env, **deployment.env()})


def test_its_tables_are_made_in_its_schema_and_nowhere_else(server: Any, deployment: World) -> None:
    tables = deployment.rows("SELECT schemaname, tablename FROM pg_tables WHERE tableowner = 'lf_app'")
    assert sorted(tables) == [
        ("langfuse", "_prisma_migrations"),
        ("langfuse", "api_keys"),
        ("langfuse", "background_migrations"),
        ("langfuse", "standin_boots"),
        ("langfuse", "standin_projects"),
        ("langfuse", "users"),
    ]
    assert deployment.rows("SELECT id FROM langfuse.standin_projects") == [("the-project",)]


def test_it_says_where_it_migrated_and_where_it_reads_without_credentials(server: Any, deployment: World) -> None:
    answer = httpx.get(server.url + "/_control/info", timeout=10)
    database = answer.json()["database"]
    assert database["direct_url"] == f"127.0.0.1:{deployment.server.port}"
    assert database["database_url"] == database["connected"] == f"127.0.0.1:{deployment.forward.port}"
    assert database["migrations"] == [name for name, _ in MIGRATIONS]
    assert deployment.password not in answer.text


def test_a_second_start_applies_no_migration_twice(
    start: Callable[..., Any], server: Any, deployment: World, langfuse_env: dict[str, str]
) -> None:
    before = deployment.rows("SELECT migration_name, started_at FROM langfuse._prisma_migrations ORDER BY 1")
    second = start("langfuse", env={**langfuse_env, **deployment.env()})
    assert deployment.rows("SELECT migration_name, started_at FROM langfuse._prisma_migrations ORDER BY 1") == before
    booted = {row[0] for row in deployment.rows("SELECT pid FROM langfuse.standin_boots")}
    assert {server.process.pid, second.process.pid} <= booted


def projects(server: Any, env: dict[str, str]) -> int:
    pair = env["LANGFUSE_PUBLIC_KEY"], env["LANGFUSE_SECRET_KEY"]
    return httpx.get(server.url + "/api/public/projects", auth=pair, timeout=10).status_code


def test_a_pair_from_the_environment_is_made_once_and_stays_valid_until_it_is_deleted(
    start: Callable[..., Any], server: Any, deployment: World, langfuse_env: dict[str, str]
) -> None:
    new = {**langfuse_env, "LANGFUSE_PUBLIC_KEY": f"pk-lf-{secrets.token_hex(8)}"}
    new["LANGFUSE_SECRET_KEY"] = f"sk-lf-{secrets.token_hex(8)}"
    assert projects(server, langfuse_env) == 200
    assert projects(server, new) == 401
    second = start("langfuse", env={**new, **deployment.env()})
    assert projects(second, new) == projects(second, langfuse_env) == 200
    # The same public key with another secret: what is there is not changed.
    third = start("langfuse", env={**new, "LANGFUSE_SECRET_KEY": "sk-lf-another", **deployment.env()})
    assert projects(third, new) == 200
    assert projects(third, {**new, "LANGFUSE_SECRET_KEY": "sk-lf-another"}) == 401
    deployment.execute(f"DELETE FROM langfuse.api_keys WHERE public_key = '{new['LANGFUSE_PUBLIC_KEY']}'")
    assert projects(second, new) == projects(third, new) == 401
    assert projects(second, langfuse_env) == 200


def test_the_pair_cannot_be_checked_while_the_database_is_away(
    server: Any, deployment: World, langfuse_env: dict[str, str]
) -> None:
    deployment.forward.down()
    try:
        deployment.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'lf_app'")
        assert projects(server, langfuse_env) == 500
    finally:
        deployment.forward.up()
    assert projects(server, langfuse_env) == 200


def test_health_is_503_while_the_pooled_port_is_away_and_200_afterwards(server: Any, deployment: World) -> None:
    assert httpx.get(server.url + HEALTH, timeout=10).status_code == 200
    deployment.forward.down()
    try:
        away = httpx.get(server.url + HEALTH, timeout=20)
        assert away.status_code == 503
        assert deployment.password not in away.text
        assert httpx.get(server.url + "/api/public/health", timeout=10).status_code == 200
    finally:
        deployment.forward.up()
    assert httpx.get(server.url + HEALTH, timeout=10).status_code == 200
    deployment.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'lf_app'")
    assert httpx.get(server.url + HEALTH, timeout=10).status_code == 200


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"DIRECT_URL": "postgresql://lf_app:{password}@127.0.0.1:{port}/postgres?schema=nowhere"}, "3F000"),
        ({"DIRECT_URL": "postgresql://lf_app:{password}@127.0.0.1:{port}/postgres"}, "42501"),
        ({"DIRECT_URL": "postgresql://lf_app:{password}@127.0.0.1:1/postgres"}, "127.0.0.1:1"),
        ({"DIRECT_URL": "postgresql://lf_app:{password}x@127.0.0.1:{port}/postgres"}, "no connection"),
        ({"DIRECT_URL": "mysql://{password}"}, "not of the form"),
    ],
)
def test_a_failed_migration_ends_it_with_exit_code_1_and_no_secret(
    start: Callable[..., Any], deployment: World, langfuse_env: dict[str, str], change: dict[str, str], said: str
) -> None:
    filled = {k: v.format(password=deployment.password, port=deployment.server.port) for k, v in change.items()}
    server = start("langfuse", env={**langfuse_env, **deployment.env(), **filled}, wait=False)
    assert server.process.wait(30) == 1
    server.thread.join(10)
    log = "\n".join(server.lines)
    assert said in log
    assert deployment.password not in log
    assert "Traceback" not in log


def test_the_server_sees_no_search_path_left_behind(deployment: World, server: Any) -> None:
    seen = deployment.rows("SELECT current_setting('search_path')")
    assert seen == [('"$user", public',)]
    httpx.get(server.url + HEALTH, timeout=10).raise_for_status()
    assert "set_config('search_path'" in deployment.server.log.read_text()
    assert "SET search_path" not in deployment.server.log.read_text()
