"""The proof of step 3.5 through a real pgbouncer in transaction mode: what it accepts, and what it says when not."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.services.postgres import pooled
from ops.vault import postgres_urls as urls
from tests.services.real_servers import Pooler, Postgres, pgbouncer, postgres

ROLE = "langfuse"
PASSWORD = "p@ss:w/rd#?%&+=[] '$`\"\\é"  # every character that a URL, a shell or SQL could stumble over


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("pg")) as running:
        with psycopg.connect(running.url().reveal(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE langfuse LOGIN PASSWORD {}").format(sql.Literal(PASSWORD)))
            connection.execute("CREATE SCHEMA langfuse AUTHORIZATION langfuse")
            connection.execute("ALTER ROLE langfuse IN DATABASE postgres SET search_path TO langfuse")
        yield running


@pytest.fixture
def pooler(server: Postgres, tmp_path: Path) -> Iterator[Pooler]:
    with pgbouncer(tmp_path, server) as running:
        yield running


def through(pooler: Pooler, password: str = PASSWORD, user: str = ROLE) -> urls.PgUrl:
    return urls.pooled(pooler.url(user=user, password=password))


def refused(url: urls.PgUrl, **more: Any) -> RunbookError:
    """What the proof ends with; without the password, and with advice."""
    with pytest.raises(RunbookError) as caught:
        pooled.check(url, "langfuse", **more)
    error = caught.value
    assert error.next
    assert PASSWORD not in f"{error.what} {error.why} {error.next}"
    return error


def test_a_password_of_special_characters_opens_and_each_connection_lands_in_the_schema(pooler: Pooler) -> None:
    said = pooled.check(through(pooler), "langfuse")
    assert "4 connections" in said
    assert "4 backends, all in schema langfuse" in said


def test_prismas_url_for_the_pooler_holds_the_same_password(pooler: Pooler) -> None:
    prisma = through(pooler).prisma("langfuse", pooled=True).reveal()
    with psycopg.connect(prisma.split("?")[0], prepare_threshold=None) as connection:
        assert connection.execute("SELECT current_schema()").fetchone() == ("langfuse",)


def test_the_pooler_really_pools_many_clients_share_one_backend(pooler: Pooler) -> None:
    assert "1 backends" in pooled.check(through(pooler), "langfuse", connections=1)
    with psycopg.connect(pooler.server.url().reveal()) as connection:
        count = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'langfuse'"
        before = connection.execute(count).fetchone()
        for _ in range(5):
            pooled.check(through(pooler), "langfuse", connections=1)
        assert connection.execute(count).fetchone() == before == (1,)


def test_a_refused_password_is_told_from_a_pooler_that_is_not_there(pooler: Pooler) -> None:
    error = refused(through(pooler, "another"))
    assert error.code == "PG-030"
    assert "setup.schema" in error.next, "the role's password is the runbook's own: nothing is to be reset at Supabase"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = Secret(f"postgresql://langfuse:another@127.0.0.1:{closed.getsockname()[1]}/postgres")
        assert refused(urls.pooled(nobody)).code == "PG-032"


def test_a_role_the_pooler_does_not_know_is_named(pooler: Pooler) -> None:
    error = refused(through(pooler, user="nobody_here"))
    assert error.code == "PG-030"
    assert "nobody_here" in error.what


def test_a_role_whose_search_path_is_lost_is_not_switched_to(pooler: Pooler) -> None:
    with psycopg.connect(pooler.server.url().reveal(), autocommit=True) as connection:
        connection.execute("ALTER ROLE langfuse IN DATABASE postgres SET search_path TO public")
        try:
            assert refused(through(pooler)).code == "PG-040"
        finally:
            connection.execute("ALTER ROLE langfuse IN DATABASE postgres SET search_path TO langfuse")


def test_a_pooler_that_hangs_is_given_up_on(pooler: Pooler) -> None:
    os.kill(pooler.pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        assert refused(through(pooler), within=2.0).code == "PG-032"
        assert time.monotonic() - start < 8
    finally:
        os.kill(pooler.pid, signal.SIGCONT)


def test_a_pooler_that_takes_the_login_and_has_no_connection_to_give_is_given_up_on(
    server: Postgres, tmp_path: Path
) -> None:
    # As it comes, pgbouncer lets a client wait for two minutes.
    with pgbouncer(tmp_path, server, default_pool_size=2) as pooler:
        start = time.monotonic()
        error = refused(through(pooler), within=2.0)
        assert time.monotonic() - start < 10
    assert error.code == "PG-032"
    assert "fewer connections" in error.why


def test_a_pooler_that_says_that_it_has_no_connection_to_give_is_understood(server: Postgres, tmp_path: Path) -> None:
    with pgbouncer(tmp_path, server, default_pool_size=2, query_wait_timeout=1) as pooler:
        assert refused(through(pooler)).code == "PG-033"


def test_a_pooler_that_takes_no_more_clients_is_understood(server: Postgres, tmp_path: Path) -> None:
    with pgbouncer(tmp_path, server, max_client_conn=2) as pooler:
        assert refused(through(pooler)).code == "PG-033"


def test_a_pooler_whose_database_is_gone_is_not_switched_to(server: Postgres, tmp_path: Path) -> None:
    gone = Postgres(1, server.password, server.log)
    with pgbouncer(tmp_path, gone, server_login_retry=1) as pooler:
        assert refused(through(pooler), within=3.0).code == "PG-032"


def test_without_a_pooler_the_direct_connection_proves_the_same(server: Postgres) -> None:
    url = urls.pooled(server.url(user=ROLE, password=PASSWORD))
    assert "4 connections" in pooled.check(url, "langfuse")
