"""Handing out: each consumer gets what the contract says, under its names, and nothing else."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.vault import contract, deliver, setup
from ops.vault.inventory import Inventory
from tests.vault.support import REF, STACK, given, inventory, provisioned


def handed(here: Inventory, *consumers: str, database: deliver.Database = "pooled") -> dict[str, Secret]:
    return deliver.for_consumers(here.vault, contract.read(), here.stack, consumers, database=database)


def test_the_gateway_gets_what_it_reads_and_no_database(full: Inventory) -> None:
    got = handed(full, "gateway")
    assert set(got) == {
        "LITELLM_MASTER_KEY",
        "UPSTREAM_OPENAI_API_KEY",
        "GATEWAY_REDIS_URL",
        "LANGFUSE_PUBLIC_KEY",
        "LANGFUSE_SECRET_KEY",
        *(team.key for team in STACK.resolved_teams),
    }
    assert got["UPSTREAM_OPENAI_API_KEY"].reveal() == given()["OPENAI_API_KEY"]


def test_no_process_gets_the_administrators_urls_or_the_model_key_it_does_not_need(full: Inventory) -> None:
    for consumer in ("gateway", "ui", "worker", "clickhouse", "minio"):
        got = handed(full, consumer)
        shown = {secret.reveal() for secret in got.values()}
        assert not shown & {given()["SUPABASE_DIRECT_URL"], given()["SUPABASE_POOLED_URL"], given()["FLY_API_TOKEN"]}
        assert not any("word-of-shop" in value for value in shown)
        if consumer != "gateway":
            assert given()["OPENAI_API_KEY"] not in shown


def test_no_name_is_one_that_the_programs_of_one_image_fight_over(full: Inventory) -> None:
    clash = {"DATABASE_URL", "DIRECT_URL", "REDIS_URL", "PORT", "HOSTNAME", "SALT", "OPENAI_API_KEY", "NODE_OPTIONS"}
    assert not clash & set(handed(full, "gateway", "ui", "worker"))


def test_the_two_database_urls_are_built_for_the_role(full: Inventory) -> None:
    password = full.vault.get("LANGFUSE_DB_PASSWORD").reveal()
    got = handed(full, "ui", "worker")
    direct, pooled = (urlsplit(got[name].reveal()) for name in ("LANGFUSE_DIRECT_URL", "LANGFUSE_DATABASE_URL"))
    assert (direct.username, direct.password, direct.hostname, direct.port) == (
        "langfuse", password, f"db.{REF}.supabase.co", 5432,
    )  # fmt: skip
    assert parse_qs(direct.query) == {"schema": ["langfuse"], "sslmode": ["require"]}
    assert (pooled.username, pooled.password, pooled.port) == (f"langfuse.{REF}", password, 6543)
    assert parse_qs(pooled.query) == {
        "schema": ["langfuse"], "pgbouncer": ["true"], "connection_limit": ["5"], "sslmode": ["require"],
    }  # fmt: skip


def test_until_the_first_migrations_langfuse_works_on_the_direct_connection(full: Inventory) -> None:
    url = urlsplit(handed(full, "ui", database="direct")["LANGFUSE_DATABASE_URL"].reveal())
    assert url.port == 5432
    assert "pgbouncer" not in url.query
    assert "connection_limit=5" in url.query


def test_the_switch_to_the_pooler_is_one_changed_name(full: Inventory) -> None:
    full.vault.mark_sent("app", handed(full, "gateway", "ui", "worker", database="direct"))
    pending = full.vault.pending("app", handed(full, "gateway", "ui", "worker"))
    assert (pending.new, pending.changed, pending.gone) == ((), ("LANGFUSE_DATABASE_URL",), ())


def test_a_replaced_password_is_pending_in_both_urls(full: Inventory) -> None:
    full.vault.mark_sent("app", handed(full, "ui"))
    full.vault.put({"LANGFUSE_DB_PASSWORD": Secret("n" * 32)}, origin="generated")
    assert full.vault.pending("app", handed(full, "ui")).changed == ("LANGFUSE_DATABASE_URL", "LANGFUSE_DIRECT_URL")


def test_a_queue_of_its_own_goes_to_langfuse_and_not_to_the_gateway(tmp_path: Path) -> None:
    redis = msgspec.structs.replace(STACK.redis, queue_name="another")
    here = inventory(tmp_path, "fly", given(), stack=msgspec.structs.replace(STACK, redis=redis))
    setup.act(here, lambda text: None)
    queue = Secret("redis://default:of-the-queue@fly-queue.upstash.io:6379")
    here.vault.put({**provisioned(), "QUEUE_REDIS_URL": queue}, origin="provisioned")
    got = handed(here, "gateway", "ui", "worker")
    assert got["LANGFUSE_REDIS_URL"] == queue
    assert got["GATEWAY_REDIS_URL"] == provisioned()["REDIS_URL"]


def test_what_is_lacking_is_named_with_the_step_it_comes_from(tmp_path: Path) -> None:
    here = inventory(tmp_path, "local")
    setup.act(here, lambda text: None)
    with pytest.raises(RunbookError) as refused:
        handed(here, "ui")
    error = refused.value
    assert error.code == "VAULT-013"
    for name in ("REDIS_URL comes from step 1.4", "SUPABASE_DIRECT_URL comes from step 0"):
        assert name in error.why


def test_values_by_name_wherever_they_are(full: Inventory) -> None:
    assert deliver.value_of(full, "LANGFUSE_SALT") == full.vault.get("LANGFUSE_SALT")
    assert deliver.value_of(full, "LANGFUSE_DIRECT_URL") == handed(full, "ui")["LANGFUSE_DIRECT_URL"]
    assert deliver.value_of(full, "FLY_API_TOKEN").reveal() == given()["FLY_API_TOKEN"]
    with pytest.raises(RunbookError) as refused:
        deliver.value_of(full, "NO_SUCH_KEY")
    assert refused.value.code == "VAULT-015"


def test_an_unusable_url_in_the_vault_is_named_by_its_own_code(full: Inventory) -> None:
    full.vault.put({"SUPABASE_POOLED_URL": Secret("https://abc.supabase.co")}, origin="given")
    with pytest.raises(RunbookError) as refused:
        handed(full, "worker")
    assert refused.value.code == "PG-002"
