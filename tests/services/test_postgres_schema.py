"""Step 1.3 against a real Postgres: our schema and role come about, and nothing else is touched."""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import psycopg
import pytest
from psycopg import sql

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import State
from ops.services.postgres import fingerprint, pooled, setup, urls
from ops.services.postgres import make as postgres_make
from ops.stack import read
from ops.vault import Vault
from ops.world import ROOT, Paths, World
from tests.services.real_servers import Postgres, postgres

STACK = read(ROOT / "ops" / "stack.toml", {})

# A shop in miniature: every kind of object the fingerprint must see.
SHOP = """
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE customer (id serial PRIMARY KEY, name text NOT NULL DEFAULT 'x', paint colour);
CREATE TABLE _prisma_migrations (id text PRIMARY KEY);
CREATE TABLE "order" (id bigint PRIMARY KEY, customer int REFERENCES customer, price numeric CHECK (price > 0))
  PARTITION BY RANGE (id);
CREATE TABLE order_1 PARTITION OF "order" FOR VALUES FROM (0) TO (100);
CREATE INDEX by_name ON customer (lower(name));
CREATE VIEW names AS SELECT name FROM customer;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY mine ON customer USING (true);
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY);
INSERT INTO customer (name) VALUES ('somebody');
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with postgres(tmp_path_factory.mktemp("pg")) as running:
        yield running


class Place:
    """A database with a shop in it, and a world that knows the way there."""

    def __init__(self, server: Postgres, database: str, folder: Path) -> None:
        self.server, self.database = server, database
        # Roles are the server's, not the database's: each test has its own.
        self.role = f"langfuse_{database}"
        wanted = msgspec.structs.replace(STACK.postgres, role=self.role)
        self.stack = msgspec.structs.replace(STACK, postgres=wanted)
        self.vault = Vault(folder / "vault" / "vault.json", target="local")
        self.vault.put({"SUPABASE_DIRECT_URL": server.url(database=database)}, origin="provisioned")
        self.vault.put({"LANGFUSE_DB_PASSWORD": Secret(secrets.token_hex(16))}, origin="generated")
        self.paths = Paths(folder, folder / "state", folder / "stack.toml")
        self.said: list[str] = []

    @property
    def world(self) -> World:
        return cast(World, self)

    def look(self) -> Any:
        return setup.look(self.world)

    def act(self) -> None:
        setup.act(self.world, self.said.append)

    def execute(self, statement: str, *, user: str = "postgres", password: str | None = None) -> list[Any]:
        with psycopg.connect(self.url(user, password), autocommit=True) as connection:
            cursor = connection.execute(sql.SQL(statement))
            return cursor.fetchall() if cursor.description else []

    def url(self, user: str = "postgres", password: str | None = None) -> str:
        return self.server.url(user=user, password=password, database=self.database).reveal()

    def as_role(self, statement: str) -> list[Any]:
        return self.execute(statement, user=self.role, password=self.vault.get("LANGFUSE_DB_PASSWORD").reveal())

    def fingerprint(self) -> dict[str, str]:
        with psycopg.connect(self.url()) as connection:
            return fingerprint.take(connection, "langfuse").schemas


@pytest.fixture
def place(server: Postgres, tmp_path: Path) -> Iterator[Place]:
    database = f"t{secrets.token_hex(4)}"
    with psycopg.connect(server.url().reveal(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database}")
    here = Place(server, database, tmp_path)
    here.execute(SHOP)
    yield here
    with psycopg.connect(server.url().reveal(), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {database} WITH (FORCE)")


def test_schema_and_role_are_made_and_found_as_wanted(place: Place) -> None:
    assert place.look().state is State.MISSING
    place.act()
    found = place.look()
    assert found.state is State.SATISFIED, found
    assert place.role in found.evidence


def test_the_shop_is_the_same_before_and_after(place: Place) -> None:
    before = place.fingerprint()
    place.act()
    assert place.fingerprint() == before
    assert set(before) == {"public", "auth"}


def test_a_second_act_changes_nothing_the_look_can_see(place: Place) -> None:
    place.act()
    place.act()
    assert place.look().state is State.SATISFIED


def test_a_look_changes_nothing(place: Place) -> None:
    place.look()
    assert place.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'langfuse'") == []
    assert not (place.paths.state / "fingerprint.json").exists()


def test_the_role_lands_in_its_schema_in_utc(place: Place) -> None:
    place.act()
    assert place.as_role("SELECT current_schema(), current_setting('TimeZone')") == [("langfuse", "UTC")]
    place.as_role("CREATE TABLE trace (id uuid DEFAULT gen_random_uuid())")
    place.as_role("CREATE TEMPORARY TABLE scratch (id int)")
    assert place.execute("SELECT schemaname::text FROM pg_tables WHERE tablename = 'trace'") == [("langfuse",)]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE public.mine (id int)",
        "SELECT * FROM public.customer",
        "SELECT * FROM public._prisma_migrations",
        "DELETE FROM auth.users",
        "CREATE SCHEMA another",
        "CREATE EXTENSION hstore",
        "CREATE ROLE somebody",
    ],
)
def test_the_role_reaches_nothing_else(place: Place, statement: str) -> None:
    place.act()
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        place.as_role(statement)


def test_the_seeds_grants_to_postgres_are_there_for_a_role_named_postgres(place: Place) -> None:
    place.act()
    granted = place.execute(
        "SELECT privilege_type FROM pg_namespace, aclexplode(nspacl) WHERE nspname = 'langfuse'"
        " AND grantee = 'postgres'::regrole ORDER BY 1"
    )
    assert granted == [("CREATE",), ("USAGE",)]
    place.execute("REVOKE ALL ON SCHEMA langfuse FROM postgres")
    assert "grant on the schema to postgres: no → yes" in place.look().diff
    place.act()
    assert place.look().state is State.SATISFIED


def test_grants_to_others_on_our_schema_are_drift_and_taken_back(place: Place) -> None:
    place.act()
    place.execute("GRANT USAGE ON SCHEMA langfuse TO PUBLIC")
    assert place.look().diff == "grant on the schema to PUBLIC: yes → no"
    place.act()
    assert place.look().state is State.SATISFIED


def test_a_changed_setting_is_drift(place: Place) -> None:
    place.act()
    place.execute(f"ALTER ROLE {place.role} IN DATABASE {place.database} RESET search_path")
    found = place.look()
    assert found.state is State.DRIFTED
    assert found.diff == "search_path of the role: not set → langfuse"
    place.act()
    assert place.look().state is State.SATISFIED


def test_a_password_changed_in_the_vault_reaches_the_role(place: Place) -> None:
    place.act()
    place.vault.put({"LANGFUSE_DB_PASSWORD": Secret(secrets.token_hex(16))}, origin="generated")
    assert "password" in place.look().diff
    place.act()
    assert place.look().state is State.SATISFIED


def test_a_password_changed_in_the_database_is_seen_and_set_back(place: Place) -> None:
    place.act()
    place.execute(f"ALTER ROLE {place.role} PASSWORD 'another'")
    assert place.look().diff == "password of the role: not the vault's → the vault's"
    place.act()
    assert place.look().state is State.SATISFIED


def test_the_password_is_never_sent_in_clear(place: Place) -> None:
    place.act()
    log = place.server.log.read_text(errors="replace")
    assert re.search(rf"CREATE ROLE \"?{place.role}", log), "the server logs statements"
    assert place.vault.get("LANGFUSE_DB_PASSWORD").reveal() not in log
    assert "SCRAM-SHA-256$" in log


def test_an_event_trigger_that_touches_the_shop_has_everything_rolled_back(place: Place) -> None:
    place.execute(
        "CREATE FUNCTION react() RETURNS event_trigger LANGUAGE plpgsql AS"
        " 'BEGIN CREATE TABLE IF NOT EXISTS public.reaction (id int); END';"
        "CREATE EVENT TRIGGER reacts ON ddl_command_end WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION react()"
    )
    before = place.fingerprint()
    with pytest.raises(RunbookError) as refused:
        place.act()
    assert refused.value.code == "PG-020"
    assert "public.reaction" in refused.value.what
    assert place.fingerprint() == before
    assert place.execute(f"SELECT 1 FROM pg_roles WHERE rolname = '{place.role}'") == []
    assert place.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'langfuse'") == []


def test_what_others_change_meanwhile_is_not_taken_for_ours(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    make = postgres_make.make

    def meanwhile(*arguments: Any) -> None:
        other = threading.Thread(target=place.execute, args=("CREATE TABLE auth.partition_of_today (id int)",))
        other.start()
        other.join()
        make(*arguments)

    monkeypatch.setattr(setup, "make", meanwhile)
    place.act()
    assert place.look().state is State.SATISFIED
    assert place.execute("SELECT count(*) FROM auth.partition_of_today") == [(0,)]


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("ALTER TABLE customer ADD COLUMN age int", "changed: relation public.customer"),
        ("ALTER TABLE customer ALTER name DROP NOT NULL", "changed: relation public.customer"),
        ("ALTER TABLE customer ALTER name SET DEFAULT 'y'", "changed: relation public.customer"),
        ("ALTER TABLE \"order\" DROP CONSTRAINT order_price_check", "removed: constraint public.order_price_check"),
        ("DROP INDEX by_name", "removed: index public.by_name"),
        ("CREATE OR REPLACE VIEW names AS SELECT upper(name) AS name FROM customer", "changed: relation public.names"),
        ("CREATE OR REPLACE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
         "changed: function public.touch"),
        ("ALTER TABLE customer DISABLE TRIGGER touched", "changed: trigger public.touched on customer"),
        ("ALTER POLICY mine ON customer USING (false)", "changed: policy public.mine on customer"),
        ("ALTER TABLE customer ENABLE ROW LEVEL SECURITY", "changed: relation public.customer"),
        ("GRANT SELECT ON customer TO PUBLIC", "changed: relation public.customer"),
        ("REVOKE USAGE ON SCHEMA public FROM PUBLIC", "changed: schema public"),
        ("ALTER TYPE colour ADD VALUE 'blue'", "changed: type public.colour"),
        ("ALTER SEQUENCE customer_id_seq INCREMENT 5", "changed: relation public.customer_id_seq"),
        ("ALTER TABLE auth.users OWNER TO pg_monitor", "changed: relation auth.users"),
        ("ALTER DEFAULT PRIVILEGES IN SCHEMA auth GRANT SELECT ON TABLES TO PUBLIC", "added: default grants auth.r"),
        ("CREATE SCHEMA storage", "added: schema storage"),
    ],
)  # fmt: skip
def test_the_fingerprint_sees_every_kind_of_change(place: Place, statement: str, line: str) -> None:
    with psycopg.connect(place.url()) as connection:
        before = fingerprint.take(connection, "langfuse")
        connection.execute(statement)
        assert line in before.difference(fingerprint.take(connection, "langfuse"))


def test_the_fingerprint_does_not_see_rows_nor_upkeep(place: Place) -> None:
    before = place.fingerprint()
    place.execute("INSERT INTO customer (name) SELECT 'n' || g FROM generate_series(1, 1000) g")
    place.execute("VACUUM FULL customer")
    place.execute("ANALYZE")
    assert place.fingerprint() == before


def test_the_kept_fingerprint_tells_later_changes_of_the_shop(place: Place) -> None:
    with pytest.raises(RunbookError) as none_yet:
        setup.changed_since(place.world)
    assert none_yet.value.code == "PG-027"
    place.act()
    assert setup.changed_since(place.world) == ()
    place.execute("ALTER TABLE auth.users ADD COLUMN email text")
    assert setup.changed_since(place.world) == ("auth",)
    kept = json.loads((place.paths.state / "fingerprint.json").read_text())
    assert kept["version"] == 1
    assert set(kept["schemas"]) == {"auth", "public"}


def test_an_empty_schema_the_administrator_made_by_hand_is_taken_over(place: Place) -> None:
    place.execute("CREATE SCHEMA langfuse; GRANT ALL ON SCHEMA langfuse TO postgres")
    assert "owner of schema langfuse: postgres →" in place.look().diff
    place.act()
    assert place.look().state is State.SATISFIED


def test_a_schema_with_somebody_elses_tables_is_refused(place: Place) -> None:
    place.execute("CREATE SCHEMA langfuse; CREATE TABLE langfuse.theirs (id int)")
    for attempt in (place.look, place.act):
        with pytest.raises(RunbookError) as refused:
            attempt()
        assert refused.value.code == "PG-022"
    assert place.execute("SELECT nspowner::regrole::text FROM pg_namespace WHERE nspname = 'langfuse'") == [
        ("postgres",)
    ]


def test_an_empty_schema_of_somebody_else_is_refused_even_to_a_superuser(place: Place) -> None:
    other = f"other_{place.database}"
    place.execute(f"CREATE ROLE {other}; CREATE SCHEMA langfuse AUTHORIZATION {other}")
    with pytest.raises(RunbookError) as refused:
        place.act()
    assert refused.value.code == "PG-021"
    assert other in refused.value.what
    place.execute(f"DROP SCHEMA langfuse; DROP ROLE {other}")


def test_a_role_with_powers_is_refused(place: Place) -> None:
    place.execute(f"CREATE ROLE {place.role} CREATEDB")
    with pytest.raises(RunbookError) as refused:
        place.act()
    assert refused.value.code == "PG-026"
    assert "CREATEDB" in refused.value.what
    place.execute(f"DROP ROLE {place.role}")


def test_a_shop_that_lets_everybody_create_in_public_is_told_and_left_alone(place: Place) -> None:
    place.execute("GRANT CREATE ON SCHEMA public TO PUBLIC; GRANT SELECT ON names TO PUBLIC")
    before = place.fingerprint()
    place.act()
    found = place.look()
    assert found.state is State.SATISFIED
    assert "create in public" in found.evidence
    assert "1 of others' tables and views" in found.evidence
    assert place.fingerprint() == before


def test_an_administrator_without_superuser_is_enough(place: Place) -> None:
    boss, password = f"boss_{place.database}", secrets.token_hex(8)
    place.execute(f"CREATE ROLE {boss} LOGIN CREATEROLE PASSWORD '{password}'")
    place.execute(f"GRANT CREATE ON DATABASE {place.database} TO {boss}")
    url = place.server.url(user=boss, password=password, database=place.database)
    place.vault.put({"SUPABASE_DIRECT_URL": url}, origin="provisioned")
    place.act()
    assert place.look().state is State.SATISFIED
    assert place.as_role("SELECT current_schema()") == [("langfuse",)]


def test_another_ones_schema_is_refused_to_an_administrator_without_superuser(place: Place) -> None:
    boss, password = f"boss_{place.database}", secrets.token_hex(8)
    place.execute(f"CREATE ROLE {boss} LOGIN CREATEROLE PASSWORD '{password}'")
    place.execute("CREATE SCHEMA langfuse")
    url = place.server.url(user=boss, password=password, database=place.database)
    place.vault.put({"SUPABASE_DIRECT_URL": url}, origin="provisioned")
    with pytest.raises(RunbookError) as refused:
        place.act()
    assert refused.value.code == "PG-021"


def test_an_administrator_without_rights_is_told_which(place: Place) -> None:
    clerk, password = f"clerk_{place.database}", secrets.token_hex(8)
    place.execute(f"CREATE ROLE {clerk} LOGIN PASSWORD '{password}'")
    url = place.server.url(user=clerk, password=password, database=place.database)
    place.vault.put({"SUPABASE_DIRECT_URL": url}, origin="provisioned")
    with pytest.raises(RunbookError) as refused:
        place.act()
    assert refused.value.code == "PG-023"
    assert password not in "".join((refused.value.what, refused.value.why, refused.value.next))


def test_names_that_need_quoting_work(place: Place) -> None:
    wanted = msgspec.structs.replace(place.stack.postgres, schema='lang "fuse', role=f"Role {place.database}")
    place.stack = msgspec.structs.replace(place.stack, postgres=wanted)
    place.act()
    assert place.look().state is State.SATISFIED, place.look()


def test_killed_between_commit_and_note_it_converges(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(setup, "_record", killed)
        with pytest.raises(KeyboardInterrupt):
            place.act()
    assert place.look().state is State.DRIFTED
    place.act()
    assert place.look().state is State.SATISFIED


def test_killed_before_commit_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(fingerprint.Fingerprint, "difference", killed)
        with pytest.raises(KeyboardInterrupt):
            place.act()
    assert place.look().state is State.MISSING


def test_before_the_secrets_are_there_it_cannot_be_known(place: Place) -> None:
    place.vault.remove(["LANGFUSE_DB_PASSWORD"])
    assert place.look().until == "1.2"


def test_a_wrong_password_and_a_closed_port_are_told_apart(place: Place) -> None:
    wrong = place.server.url(password="wrong", database=place.database)
    place.vault.put({"SUPABASE_DIRECT_URL": wrong}, origin="provisioned")
    with pytest.raises(RunbookError) as refused:
        place.look()
    assert refused.value.code == "PG-030"
    closed = Secret("postgresql://postgres:secret-one@127.0.0.1:1/postgres")
    place.vault.put({"SUPABASE_DIRECT_URL": closed}, origin="provisioned")
    with pytest.raises(RunbookError) as unreachable:
        place.look()
    assert unreachable.value.code == "PG-032"
    assert "secret-one" not in str(unreachable.value.why)


def test_a_host_that_does_not_exist_names_ipv6(place: Place) -> None:
    nowhere = Secret("postgresql://postgres:secret-one@db.nowhere.invalid:5432/postgres")
    place.vault.put({"SUPABASE_DIRECT_URL": nowhere}, origin="provisioned")
    with pytest.raises(RunbookError) as refused:
        place.look()
    assert refused.value.code == "PG-031"
    assert "IPv6" in refused.value.why


def test_tls_that_the_server_does_not_speak_is_named(place: Place) -> None:
    url = Secret(place.url() + "?sslmode=require")
    place.vault.put({"SUPABASE_DIRECT_URL": url}, origin="provisioned")
    with pytest.raises(RunbookError) as refused:
        place.look()
    assert refused.value.code == "PG-034"


def test_the_pooled_check_proves_the_schema_on_several_connections(place: Place) -> None:
    place.act()
    url = urls.pooled(Secret(place.url())).as_role(place.role, place.vault.get("LANGFUSE_DB_PASSWORD"))
    assert "all in schema langfuse" in pooled.check(url, "langfuse")
    place.execute(f"ALTER ROLE {place.role} IN DATABASE {place.database} RESET search_path")
    with pytest.raises(RunbookError) as refused:
        pooled.check(url, "langfuse")
    assert refused.value.code == "PG-040"
