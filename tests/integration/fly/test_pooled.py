"""Part 3.5: Langfuse goes over from the direct connection to a real pgbouncer, or stays where it works."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
import pytest
from psycopg import sql

from ops.runbook.step import State, Status
from tests.integration.fly.conftest import clean
from tests.services.real_servers import Postgres, free_port, pgbouncer
from tests.targets.fly.support import GATEWAY, Deployed, Site, site

ADMIN = "keeper"
PASSWORD = "p@ss:w/rd#?%&+=[] '$`\"\\"


@dataclass
class Pooling:
    """A deploy's place whose database has a pooler before it."""

    site: Site
    port: int
    direct: int
    folder: Path
    stack: ExitStack
    server: Postgres

    def start(self, **settings: object) -> None:
        """Put a pgbouncer where the pooled URL leads."""
        self.folder.mkdir(exist_ok=True)
        self.stack.enter_context(pgbouncer(self.folder, self.server, port=self.port, **settings))

    def stop(self) -> None:
        self.stack.close()

    def url(self, name: str) -> str:
        """A secret as the machines have it."""
        value: str = self.site.sim.state.apps[GATEWAY]["secrets"][name]["value"]
        return value

    @property
    def langfuse_port(self) -> int | None:
        """Where Langfuse's database connection leads at run time."""
        return urlsplit(self.url("LANGFUSE_DATABASE_URL")).port

    def lands_in(self, name: str) -> Any:
        """The schema that Langfuse's URL of this name leads to."""
        with psycopg.connect(self.url(name).split("?")[0], prepare_threshold=None) as connection:
            row = connection.execute("SELECT current_schema()").fetchone()
        return row and row[0]


@pytest.fixture
def pooling(
    tmp_path: Path, flyctl: Path, database: Postgres, object_store: tuple[str, str, str] | None
) -> Iterator[Pooling]:
    """An empty account; a database whose administrator's password has every special character; its pooler is off."""
    clean(database.url())
    with psycopg.connect(database.url().reveal(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(ADMIN)))
        made = "CREATE ROLE {} SUPERUSER LOGIN PASSWORD {}"
        connection.execute(sql.SQL(made).format(sql.Identifier(ADMIN), sql.Literal(PASSWORD)))
    port = free_port()
    word = quote(PASSWORD, safe="")
    with site(tmp_path, flyctl, database.url(), minio=object_store) as place, ExitStack() as stack:
        for name, number in (("SUPABASE_DIRECT_URL", database.port), ("SUPABASE_POOLED_URL", port)):
            place.environ[name] = f"postgresql://{ADMIN}:{word}@127.0.0.1:{number}/postgres?sslmode=disable"
        yield Pooling(place, port, database.port, tmp_path / "pgbouncer", stack, database)
    with psycopg.connect(database.url().reveal(), autocommit=True) as connection:
        connection.execute(f"REASSIGN OWNED BY {ADMIN} TO postgres")


def switched(done: Deployed) -> Any:
    return done.result.outcomes["deploy.pooled"]


def stale_passwords(pooling: Pooling) -> dict[str, object]:
    """What a pooler that keeps passwords has after one was changed behind it."""
    users = pooling.folder.with_name("stale.txt")
    users.write_text('"langfuse" "of-last-year"\n')
    return {"auth_file": users, "auth_query": ""}


TROUBLES: dict[str, tuple[Callable[[Pooling], dict[str, object] | None], str]] = {
    "is not there": (lambda pooling: None, "PG-032"),
    "refuses the role's password": (stale_passwords, "PG-030"),
    "has too few connections": (lambda pooling: {"default_pool_size": 1, "query_wait_timeout": 2}, "PG-033"),
}


def test_langfuse_stays_on_the_direct_connection_until_the_pooler_works_and_goes_over_with_one_restart(
    pooling: Pooling,
) -> None:
    place, sim = pooling.site, pooling.site.sim
    before = place.deploy(keys=("deploy.release",))
    assert before.ok, before.troubles()
    for name, (settings, code) in TROUBLES.items():
        wanted = settings(pooling)
        if wanted is not None:
            pooling.start(**wanted)
        sim.forget_calls()
        done = place.deploy()
        pooling.stop()
        outcome = switched(done)
        assert (outcome.status, outcome.code, done.result.exit_code) == (Status.FAILED, code, 1), f"{name}: {outcome}"
        assert outcome.next
        assert PASSWORD not in f"{outcome.evidence} {outcome.why} {outcome.next}"
        touched = [call.operation for call in sim.mutating_calls() if "secrets" in call.operation]
        assert touched == [], f"{name}: changed before it was proven"
        assert pooling.langfuse_port == pooling.direct
        assert done.result.outcomes["deploy.domains"].good, "what does not need the pooler waits for it"
        assert place.plan()["deploy.pooled"].look.state is State.MISSING

    releases = len(sim.state.apps[GATEWAY]["releases"])
    pooling.start()
    done = place.deploy()
    assert done.ok, done.troubles()
    assert any("backends, all in schema langfuse" in line for line in done.lines)
    assert len(sim.state.apps[GATEWAY]["releases"]) == releases + 1
    assert pooling.langfuse_port == pooling.port
    assert parse_qs(urlsplit(pooling.url("LANGFUSE_DATABASE_URL")).query)["pgbouncer"] == ["true"]
    assert urlsplit(pooling.url("LANGFUSE_DIRECT_URL")).port == pooling.direct
    assert pooling.lands_in("LANGFUSE_DATABASE_URL") == "langfuse"
    assert pooling.lands_in("LANGFUSE_DIRECT_URL") == "langfuse"

    sim.forget_calls()
    again = place.deploy()
    assert again.ok, again.troubles()
    assert sim.mutations == 0


def test_machines_that_crash_over_the_pooler_are_put_back_on_the_direct_connection(pooling: Pooling) -> None:
    pooling.start()
    before = pooling.site.deploy(keys=("deploy.release",))
    assert before.ok, before.troubles()
    sim = pooling.site.sim
    configure = sim.machines._configure

    def started(app: dict[str, Any], machine: dict[str, Any], config: dict[str, Any]) -> None:
        configure(app, machine, config)
        url = app["secrets"].get("LANGFUSE_DATABASE_URL", {}).get("value", "")
        group = f"{GATEWAY}/{config.get('metadata', {}).get('fly_process_group')}"
        if group == f"{GATEWAY}/worker":
            (sim.behaviour.crashing.add if "pgbouncer=true" in url else sim.behaviour.crashing.discard)(group)

    sim.machines._configure = started  # type: ignore[method-assign]
    done = pooling.site.deploy()
    outcome = switched(done)
    assert not outcome.good, outcome
    assert pooling.langfuse_port == pooling.direct, f"{outcome.code}: left on a connection over which it crashes"
    sim.machines._configure = configure  # type: ignore[method-assign]
    assert sim.behaviour.crashing == set()
    healed = pooling.site.deploy()
    assert healed.ok, healed.troubles()
    assert pooling.langfuse_port == pooling.port
