"""Step 1.3 against a real Postgres: our schema and role come about, as wanted, whatever was there."""

from __future__ import annotations

import re
import secrets
from typing import Any

import msgspec
import psycopg
import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import State
from ops.services.postgres import fingerprint, setup
from tests.services.shop import Place


def test_schema_and_role_are_made_and_found_as_wanted(place: Place) -> None:
    assert place.look().state is State.MISSING
    place.act()
    found = place.look()
    assert found.state is State.SATISFIED, found
    assert place.role in found.evidence


def test_a_second_act_changes_nothing_the_look_can_see(place: Place) -> None:
    place.act()
    place.act()
    assert place.look().state is State.SATISFIED


def test_a_look_changes_nothing(place: Place) -> None:
    place.look()
    assert place.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'langfuse'") == []
    assert not (place.state / "fingerprint.json").exists()


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


OPENS_UP = """
CREATE FUNCTION public.open_up() RETURNS event_trigger LANGUAGE plpgsql AS $body$
DECLARE made record;
BEGIN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE command_tag = 'CREATE SCHEMA' LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO PUBLIC', made.object_identity);
    END LOOP;
END $body$;
CREATE EVENT TRIGGER open_up ON ddl_command_end EXECUTE FUNCTION public.open_up();
"""


def test_a_schema_that_the_database_opens_to_everybody_is_closed_again(place: Place) -> None:
    """R20: an event trigger grants USAGE on every new schema to PUBLIC."""
    place.execute(OPENS_UP)
    try:
        place.act()
        found = place.look()
        assert found.state is State.SATISFIED, found
        (acl,) = place.execute("SELECT nspacl::text FROM pg_namespace WHERE nspname = 'langfuse'")[0]
        assert not re.search(r"[{,]=", acl or ""), acl
    finally:
        place.execute("DROP EVENT TRIGGER open_up")
        place.execute("DROP FUNCTION public.open_up()")
