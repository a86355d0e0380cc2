"""Step 3.7 by a real Postgres: what Langfuse's own account of its migrations says (case L1)."""

from __future__ import annotations

import psycopg
import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.step import State
from ops.services import langfuse_migrations
from ops.standins.langfuse_database import ACCOUNT, MIGRATIONS, NOTED
from tests.services.shop import Place

REASON = "Not enough privileges. To execute this query, it's necessary to have the grant\nSYSTEM MERGES ON langfuse.x"


@pytest.fixture
def schema(place: Place) -> Place:
    """A schema with Langfuse's account in it, all of it done."""
    place.act()
    with connection(place) as made:
        made.execute(ACCOUNT)
        for number, (name, statement) in enumerate(MIGRATIONS):
            made.execute(statement.encode())
            made.execute(NOTED, (str(number), name))
    return place


def connection(place: Place) -> psycopg.Connection[tuple[object, ...]]:
    url = place.server.url(database=place.database).reveal()
    password = place.vault.get("LANGFUSE_DB_PASSWORD").reveal()
    return psycopg.connect(url, user=place.role, password=password, options="-c search_path=langfuse", autocommit=True)


def background(place: Place, name: str, ended: str) -> None:
    """A row as Langfuse writes it; `ended` is its further columns and values."""
    columns, values = ("", "") if not ended else ended.split("=", 1)
    with connection(place) as made:
        made.execute(
            f"INSERT INTO background_migrations (id, name, script, args{columns and ', ' + columns})"
            f" VALUES (%s, %s, 's', '{{}}'{values and ', ' + values})".encode(),
            (name, name),
        )


def test_before_langfuse_was_there_nothing_is_missing(place: Place) -> None:
    place.act()
    assert langfuse_migrations.look(place.stack, place.vault).state is State.SATISFIED


def test_all_that_ran_is_counted(schema: Place) -> None:
    found = langfuse_migrations.look(schema.stack, schema.vault)
    assert found.state is State.SATISFIED
    assert found.evidence == f"{len(MIGRATIONS)} migrations, 1 in the background: all have run"


def test_l1_a_background_migration_that_failed_is_named_with_its_reason(schema: Place) -> None:
    background(schema, "20260701_v4_step_2", f"failed_at, failed_reason=now(), $${REASON}$$")
    found = langfuse_migrations.look(schema.stack, schema.vault)
    assert found.state is State.BLOCKED
    assert "20260701_v4_step_2" in found.evidence
    assert "SYSTEM MERGES ON langfuse.x" in found.evidence
    assert "\n" not in found.evidence
    assert "Retry" in found.next


def test_one_that_runs_is_waited_for(schema: Place) -> None:
    background(schema, "20260701_v4_step_3", "")
    assert langfuse_migrations.look(schema.stack, schema.vault).state is State.MISSING
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        with connection(schema) as made:
            made.execute("UPDATE background_migrations SET finished_at = now()")

    langfuse_migrations.act(schema.stack, schema.vault, say)
    assert said
    assert langfuse_migrations.look(schema.stack, schema.vault).state is State.SATISFIED


def test_one_that_never_ends_is_said_after_a_time(schema: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    background(schema, "20260701_v4_step_4", "")
    monkeypatch.setattr(langfuse_migrations, "WITHIN_S", 0.5)
    with pytest.raises(RunbookError, match="background migrations") as caught:
        langfuse_migrations.act(schema.stack, schema.vault, lambda line: None)
    assert caught.value.code == "LF-005"


def test_a_migration_of_postgres_that_stopped_half_way_is_named(schema: Place) -> None:
    with connection(schema) as made:
        made.execute("UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '0002_boots'")
    found = langfuse_migrations.look(schema.stack, schema.vault)
    assert found.state is State.BLOCKED
    assert "0002_boots" in found.evidence


def test_one_that_was_rolled_back_and_run_again_is_done(schema: Place) -> None:
    with connection(schema) as made:
        made.execute(
            "UPDATE _prisma_migrations SET finished_at = NULL, rolled_back_at = now()"
            " WHERE migration_name = '0002_boots'"
        )
        made.execute(NOTED, ("again", "0002_boots"))
    assert langfuse_migrations.look(schema.stack, schema.vault).state is State.SATISFIED
