"""Connecting to a real Postgres: what goes wrong is told apart, and a pooled connection is proven."""

from __future__ import annotations

import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.services.postgres import pooled
from ops.vault import postgres_urls as urls
from tests.services.shop import Place


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
