"""Step 1.3 against a real Postgres: the shop beside our schema is not touched, and the fingerprint would tell."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import psycopg
import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.step import State
from ops.services.postgres import catalogs, fingerprint, setup
from ops.services.postgres import make as postgres_make
from ops.services.postgres.fingerprint import Fingerprint
from tests.services.shop import Place


def test_the_shop_is_the_same_before_and_after(place: Place) -> None:
    before = place.fingerprint()
    place.act()
    assert place.fingerprint() == before
    assert set(before) == {"public", "auth", fingerprint.DATABASE}


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


@pytest.fixture(scope="module")
def before(untouched: Place) -> Fingerprint:
    with psycopg.connect(untouched.url()) as connection:
        return fingerprint.take(connection, "langfuse", untouched.role)


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
def test_the_fingerprint_sees_every_kind_of_change(
    untouched: Place, before: Fingerprint, statement: str, line: str
) -> None:
    with psycopg.connect(untouched.url()) as connection:
        connection.execute(statement.encode())
        assert line in before.difference(fingerprint.take(connection, "langfuse", untouched.role))
        connection.rollback()


def test_a_shop_at_work_and_its_upkeep_change_nothing(place: Place) -> None:
    place.execute("CREATE TABLE wide (id int); INSERT INTO wide SELECT generate_series(1, 10)")
    place.execute("ALTER TABLE wide ADD COLUMN later int DEFAULT 3")  # kept in the catalog until the table is rewritten
    before = place.fingerprint()
    with psycopg.connect(place.url(), autocommit=True) as visitor:
        visitor.execute("CREATE TEMP TABLE basket (id serial PRIMARY KEY)")
        place.execute("INSERT INTO customer (name) SELECT 'n' || g FROM generate_series(1, 1000) g")
        place.execute("SELECT setval('customer_id_seq', 5000), lo_from_bytea(0, 'x')")
        place.execute("TRUNCATE _prisma_migrations")
        place.execute("CREATE TABLE auth.passing (id int); DROP TABLE auth.passing")
        place.execute("VACUUM FULL")
        place.execute("VACUUM (FREEZE, ANALYZE)")
        assert place.fingerprint() == before


def test_every_catalog_of_the_server_is_read_or_named_as_derived(untouched: Place) -> None:
    with psycopg.connect(untouched.url()) as connection:
        rows = connection.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 11").fetchall()
        read = set(re.findall(r"FROM (\w+) x", catalogs.query(connection)))
        # What a later release may bring.
        connection.execute("SET LOCAL allow_system_table_mods = on")
        connection.execute("CREATE TABLE pg_catalog.pg_novelty (oid oid, novname name, novwhat text)")
        connection.execute("INSERT INTO pg_catalog.pg_novelty VALUES (1, 'first', 'x')")
        before = fingerprint.take(connection, "langfuse", untouched.role)
        connection.execute("UPDATE pg_catalog.pg_novelty SET novwhat = 'y'")
        changed = before.difference(fingerprint.take(connection, "langfuse", untouched.role))
        connection.rollback()
    derived = {"pg_shdepend", "pg_statistic", "pg_statistic_ext_data", "pg_largeobject"}
    by_a_view = {"pg_authid", "pg_user_mapping"}
    assert {name for (name,) in rows} - read == derived | by_a_view
    assert read - {name for (name,) in rows} == {"pg_roles", "pg_user_mappings"}
    assert changed == ("changed: novelty (database).first",)


def test_one_who_is_no_superuser_can_take_it(place: Place) -> None:
    """Supabase's administrator is none."""
    place.act()
    with psycopg.connect(place.url(place.role, place.vault.get("LANGFUSE_DB_PASSWORD").reveal())) as connection:
        before = fingerprint.take(connection, "langfuse", place.role)
        place.execute(f"CREATE ROLE other_{place.database}")
        place.execute("CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w")
        place.execute("CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (password 'x')")
        changed = before.difference(fingerprint.take(connection, "langfuse", place.role))
    place.execute(f"DROP ROLE other_{place.database}")
    assert changed == (
        "added: foreign data wrapper (database).w",
        "added: foreign server (database).s",
        f"added: role (database).other_{place.database}",
        "added: user mapping (database).public on s",
    )


def test_the_kept_fingerprint_tells_later_changes_of_the_shop(place: Place) -> None:
    with pytest.raises(RunbookError) as none_yet:
        setup.changed_since(place.stack.postgres, place.vault, place.state)
    assert none_yet.value.code == "PG-027"
    place.act()
    assert setup.changed_since(place.stack.postgres, place.vault, place.state) == ()
    place.execute("ALTER TABLE auth.users ADD COLUMN email text")
    assert setup.changed_since(place.stack.postgres, place.vault, place.state) == ("auth",)
    kept = json.loads((place.state / "fingerprint.json").read_text())
    assert set(kept["schemas"]) == {"auth", "public", fingerprint.DATABASE}
    (place.state / "fingerprint.json").write_text(json.dumps({**kept, "version": 1}))
    with pytest.raises(RunbookError) as too_old:
        setup.changed_since(place.stack.postgres, place.vault, place.state)
    assert too_old.value.code == "PG-027"
