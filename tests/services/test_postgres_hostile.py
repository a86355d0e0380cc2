"""A hostile migration, run as the role of step 1.3: Postgres refuses it everywhere outside our schema."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from ops.services.postgres import fingerprint
from ops.services.postgres.fingerprint import Fingerprint
from tests.services.shop import Place

OUTSIDE = [
    "CREATE TABLE public.mine (id int)",
    "CREATE VIEW public.mine AS SELECT 1 AS one",
    "CREATE TYPE public.mine AS ENUM ('a')",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE public.customer ADD COLUMN stolen text",
    "ALTER TABLE public.customer OWNER TO CURRENT_USER",
    "ALTER TABLE public.customer DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE public.customer SET SCHEMA langfuse",
    "DROP TABLE public.customer CASCADE",
    "DROP SCHEMA public CASCADE",
    "DROP INDEX public.by_name",
    "TRUNCATE public.customer CASCADE",
    "SELECT * FROM public.customer",
    "COPY public.customer TO STDOUT",
    "INSERT INTO public.customer (name) VALUES ('x')",
    "UPDATE public.customer SET name = 'x'",
    "DELETE FROM auth.users",
    "BEGIN; LOCK TABLE public.customer IN SHARE MODE",
    "SELECT nextval('public.customer_id_seq')",
    "GRANT SELECT ON public.customer TO PUBLIC",
    "COMMENT ON TABLE public.customer IS 'x'",
    "CREATE POLICY theirs ON public.customer USING (true)",
    "DROP POLICY mine ON public.customer",
    "CREATE TRIGGER spy AFTER INSERT ON public.customer FOR EACH ROW EXECUTE FUNCTION public.touch()",
    "CREATE RULE spy AS ON INSERT TO public.customer DO INSTEAD NOTHING",
    "CREATE OR REPLACE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE TABLE leak () INHERITS (public.customer)",
    "CREATE TABLE leak (id int REFERENCES public.customer)",
    "CREATE SCHEMA another",
    "CREATE EXTENSION hstore",
    "CREATE EVENT TRIGGER spy ON ddl_command_end EXECUTE FUNCTION public.touch()",
    "CREATE PUBLICATION spy FOR TABLE public.customer",
    "CREATE PUBLICATION spy FOR ALL TABLES",
    "CREATE SUBSCRIPTION spy CONNECTION 'dbname=none' PUBLICATION spy WITH (connect = false)",
    "CREATE FOREIGN DATA WRAPPER spy",
    "CREATE CAST (public.colour AS int) WITH INOUT",
    "ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT SELECT ON TABLES TO PUBLIC",
    "CREATE ROLE somebody",
    "ALTER ROLE CURRENT_USER CREATEDB",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "GRANT pg_read_all_data TO CURRENT_USER",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "ALTER DATABASE {database} SET search_path TO langfuse",
    "ALTER DATABASE {database} OWNER TO CURRENT_USER",
    "CREATE DATABASE another",
    "ALTER SYSTEM SET log_statement = 'none'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/never'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT lo_import('/etc/hostname')",
    "SELECT pg_ls_dir('.')",
    "SELECT rolpassword FROM pg_authid",
    "SELECT passwd FROM pg_shadow",
    "SELECT pg_reload_conf()",
    "CREATE FUNCTION spy() RETURNS int LANGUAGE c AS 'libc', 'getpid'",
]
"""Each is refused by Postgres itself."""


def test_a_hostile_migration_gets_nowhere_outside_its_schema(place: Place) -> None:
    """One statement at a time, with the role's own login; afterwards everything of the shop is as it was."""
    place.act()
    before, rows = place.fingerprint(), place.execute("SELECT id, name FROM public.customer")
    taken = []
    for statement in OUTSIDE:
        try:
            place.as_role(statement.replace("{database}", place.database))
        except psycopg.errors.InsufficientPrivilege:
            continue
        except psycopg.Error as error:
            taken.append(f"{statement}: not refused for lack of rights: {error}")
        else:
            taken.append(f"{statement}: done")
    assert taken == []
    assert place.fingerprint() == before
    assert place.execute("SELECT id, name FROM public.customer") == rows


def test_a_migration_that_hides_the_statement_in_its_own_function_gets_no_further(place: Place) -> None:
    """Neither a SECURITY DEFINER function nor a view of the role's own borrows somebody else's rights."""
    place.act()
    place.as_role(
        "CREATE FUNCTION steal() RETURNS SETOF text LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS"
        " 'BEGIN RETURN QUERY EXECUTE ''SELECT name FROM public.customer''; END'"
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        place.as_role("SELECT * FROM steal()")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        place.as_role("CREATE VIEW spy AS SELECT * FROM public.customer; SELECT * FROM spy")


PRIVILEGED = [
    ("CREATE TABLE extra (id int)", "added: relation public.extra"),
    ("DROP TABLE order_1", "removed: relation public.order_1"),
    ("ALTER TABLE customer DROP COLUMN paint", "changed: relation public.customer"),
    ("ALTER TABLE customer RENAME name TO title", "changed: relation public.customer"),
    ("ALTER TABLE customer ALTER id TYPE bigint", "changed: relation public.customer"),
    ("GRANT UPDATE (name) ON customer TO PUBLIC", "changed: relation public.customer"),
    ("GRANT CREATE ON SCHEMA auth TO PUBLIC", "changed: schema auth"),
    ("REVOKE EXECUTE ON FUNCTION touch() FROM PUBLIC", "changed: function public.touch"),
    ("CREATE POLICY theirs ON customer USING (true)", "added: policy public.theirs on customer"),
    ("DROP POLICY mine ON customer", "removed: policy public.mine on customer"),
    ("ALTER TABLE customer FORCE ROW LEVEL SECURITY", "changed: relation public.customer"),
    ("ALTER FUNCTION touch() SECURITY DEFINER", "changed: function public.touch"),
    ("DROP TRIGGER touched ON customer", "removed: trigger public.touched on customer"),
    ("CREATE RULE quiet AS ON DELETE TO customer DO INSTEAD NOTHING", "changed: relation public.customer"),
    ("COMMENT ON TABLE customer IS 'x'", "added: comment public.customer"),
    ("CREATE STATISTICS kept ON id, name FROM customer", "added: statistics public.kept"),
    ("CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)", "added: operator public.==="),
    ("CREATE COLLATION mine FROM \"C\"", "added: collation public.mine"),
    ("CREATE TEXT SEARCH CONFIGURATION mine (COPY = simple)", "added: text search public.mine"),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", "added: default grants (database).postgres r"),
    ("CREATE PUBLICATION spy FOR TABLE customer", "added: publication (database).spy"),
    ("CREATE PUBLICATION spy FOR TABLES IN SCHEMA auth", "added: publication (database).spy"),
    ("CREATE EVENT TRIGGER spy ON ddl_command_start EXECUTE FUNCTION react()", "added: event trigger (database).spy"),
    ("CREATE FOREIGN DATA WRAPPER spy", "added: foreign data wrapper (database).spy"),
    ("CREATE CAST (colour AS int) WITH INOUT", "added: cast (database).colour to int4"),
    ("INSERT INTO customer (name) VALUES ('x')", "added: rows public.customer"),
    ("UPDATE customer SET name = 'x'", "added: rows public.customer"),
    ("DELETE FROM customer", "added: rows public.customer"),
    ("GRANT CREATE ON DATABASE {database} TO pg_monitor", "changed: database (database).rights"),
    ("GRANT CONNECT ON DATABASE {database} TO pg_monitor", "changed: database (database).rights"),
    ("ALTER DATABASE {database} SET work_mem TO '1MB'", "added: setting (database).of all"),
    ("ALTER DATABASE {database} CONNECTION LIMIT 3", "changed: database (database).rights"),
    ("TRUNCATE customer CASCADE", "changed: contents public.customer"),
    ("ALTER SEQUENCE customer_id_seq RESTART", "changed: contents public.customer_id_seq"),
    ("CREATE ROLE spy_{database}", "added: role (database).spy_{database}"),
    ("ALTER ROLE other_{database} BYPASSRLS", "changed: role (database).other_{database}"),
    ("ALTER ROLE other_{database} IN DATABASE {database} SET role TO postgres",
     "added: setting (database).of other_{database}"),
    ("GRANT pg_read_all_data TO other_{database}", "added: membership (database).pg_read_all_data to other_{database}"),
    ("GRANT SET ON PARAMETER log_statement TO PUBLIC", "added: grants on a parameter (database).log_statement"),
    ("COMMENT ON ROLE other_{database} IS 'x'", "added: comment (database).other_{database}"),
    ("SELECT lo_from_bytea(4711, 'x')", "added: large object (database).4711"),
    ("SELECT lo_put(4710, 0, 'y')", "added: rows (database).pg_largeobject"),
    ("GRANT SELECT ON LARGE OBJECT 4710 TO PUBLIC", "changed: large object (database).4710"),
    ("CREATE SUBSCRIPTION spy CONNECTION 'dbname=none' PUBLICATION spy WITH (connect = false)",
     "added: subscription (database).spy"),
    ("CREATE SERVER far FOREIGN DATA WRAPPER wrapper", "added: foreign server (database).far"),
    ("ALTER SERVER near OPTIONS (host 'elsewhere')", "changed: foreign server (database).near"),
    ("CREATE USER MAPPING FOR PUBLIC SERVER near", "added: user mapping (database).public on near"),
    ("CREATE FOREIGN TABLE far (id int) SERVER near", "added: relation public.far"),
    ("CREATE DOMAIN narrow AS int CHECK (VALUE > 0)", "added: type public.narrow"),
    ("CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int)", "added: function public.total"),
    ("CREATE OPERATOR FAMILY mine USING btree", "added: operator family public.mine"),
    ("ALTER OPERATOR FAMILY integer_ops USING btree OWNER TO pg_monitor",
     "changed: operator family (database).pg_catalog"),
    ("CREATE CONVERSION mine FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8", "added: conversion public.mine"),
    ("CREATE TEXT SEARCH DICTIONARY mine (TEMPLATE = simple)", "added: text search public.mine"),
    ("ALTER TEXT SEARCH CONFIGURATION simple DROP MAPPING FOR email", "changed: text search (database).pg_catalog"),
    ("CREATE ACCESS METHOD mine TYPE TABLE HANDLER heap_tableam_handler", "added: access method (database).mine"),
    ("CREATE TRANSFORM FOR colour LANGUAGE plpgsql (FROM SQL WITH FUNCTION prsd_lextype(internal))",
     "changed: type public.colour"),
    ("ALTER EXTENSION plpgsql ADD FUNCTION touch()", "changed: membership in an extension (database)"),
    ("REVOKE EXECUTE ON FUNCTION pg_sleep(float8) FROM PUBLIC", "changed: function (database).pg_catalog"),
    ("GRANT SELECT ON pg_authid TO PUBLIC", "changed: relation (database).pg_catalog"),
    ("COMMENT ON COLUMN customer.name IS 'x'", "added: comment public.customer"),
    ("COMMENT ON FUNCTION touch() IS 'x'", "added: comment public.touch"),
    ("COMMENT ON DATABASE {database} IS 'x'", "added: comment (database).database"),
    ("ALTER TABLE customer SET (autovacuum_enabled = off)", "changed: relation public.customer"),
    ("ALTER TABLE customer ALTER name SET STATISTICS 7", "changed: relation public.customer"),
    ("ALTER TABLE customer REPLICA IDENTITY FULL", "changed: relation public.customer"),
    # No provider of labels is loaded here.
    ("SET LOCAL allow_system_table_mods = on; INSERT INTO pg_seclabel VALUES ('customer'::regclass, 1259, 0, 'p', 'l')",
     "added: security label public.customer"),
]  # fmt: skip


@pytest.fixture(scope="module")
def furnished(untouched: Place) -> Iterator[tuple[Place, Fingerprint]]:
    """A shop with more in it, and what it looks like."""
    role = f"other_{untouched.database}"
    untouched.execute("CREATE FUNCTION react() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
    untouched.execute("CREATE FOREIGN DATA WRAPPER wrapper; CREATE SERVER near FOREIGN DATA WRAPPER wrapper")
    untouched.execute(f"SELECT lo_create(4710); CREATE ROLE {role}")
    with psycopg.connect(untouched.url()) as connection:
        yield untouched, fingerprint.take(connection, "langfuse", untouched.role)
    untouched.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(("statement", "line"), PRIVILEGED)
def test_the_fingerprint_notices_what_a_privileged_one_changes(
    furnished: tuple[Place, Fingerprint], statement: str, line: str
) -> None:
    place, before = furnished
    statement, line = (text.replace("{database}", place.database) for text in (statement, line))
    with psycopg.connect(place.url()) as connection:
        connection.execute(statement.encode())
        assert line in before.difference(fingerprint.take(connection, "langfuse", place.role))
        connection.rollback()
