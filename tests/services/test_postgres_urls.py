"""Postgres URLs: what is pasted wrongly is named, what is built is right for libpq and for Prisma."""

from __future__ import annotations

import random
import secrets
import string
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.vault import postgres_urls as urls

REF = "abcdefghijklmnopqrst"
DIRECT = f"postgresql://postgres:s3cretWord@db.{REF}.supabase.co:5432/postgres"
POOLED = f"postgresql://postgres.{REF}:s3cretWord@aws-0-us-east-2.pooler.supabase.com:6543/postgres"
SESSION = POOLED.replace(":6543", ":5432")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        (f"https://{REF}.supabase.co", "PG-002"),
        ("mysql://root:s3cretWord@host/db", "PG-001"),
        ("s3cretWord", "PG-001"),
        (DIRECT.replace("s3cretWord", "[YOUR-PASSWORD]"), "PG-003"),
        (DIRECT.replace("s3cretWord", "<password>"), "PG-003"),
        (DIRECT.replace("s3cretWord", "YOUR_PASSWORD"), "PG-003"),
        (DIRECT.replace("s3cretWord", "PASSWORD"), "PG-003"),
        ("postgresql://postgres:s3cretWord@[PROJECT].supabase.co:5432/postgres", "PG-003"),
        (DIRECT.replace(":s3cretWord", ""), "PG-004"),
        (DIRECT.replace("postgres:s3cretWord@", ""), "PG-004"),
        (DIRECT.removesuffix("/postgres"), "PG-004"),
        (DIRECT.removesuffix("postgres"), "PG-004"),
        (DIRECT.replace("s3cretWord", "s3cret@Word"), "PG-005"),
        (DIRECT.replace("s3cretWord", "s3cret#Word"), "PG-005"),
        (DIRECT.replace("s3cretWord", "s3cret/Word"), "PG-005"),
        (DIRECT.replace("s3cretWord", "s3cret?Word"), "PG-005"),
        (DIRECT.replace("s3cretWord", "s3cret%Word"), "PG-005"),
        (DIRECT.replace("s3cretWord", "s3cret Word"), "PG-005"),
        (DIRECT + "?schema=langfuse", "PG-006"),
        (DIRECT + "?sslmode=require&pgbouncer=true", "PG-006"),
        (DIRECT + "?options=-csearch_path%3Dx", "PG-006"),
        (DIRECT + "?sslmode=sometimes", "PG-006"),
        (DIRECT + "?sslmode=disable", "PG-007"),
        (DIRECT.replace("db.", ""), "PG-008"),
        (DIRECT.replace(":5432", ":6543"), "PG-009"),
        (POOLED, "PG-009"),
        (DIRECT.replace("postgres:", f"postgres.{REF}:"), "PG-010"),
        (SESSION.replace(f"postgres.{REF}", "postgres"), "PG-010"),
        (DIRECT.replace(":5432", ":99999"), "PG-001"),
        (DIRECT.replace(":5432", ":port"), "PG-001"),
    ],
)
def test_a_wrongly_pasted_direct_url_is_named_and_not_quoted(url: str, code: str) -> None:
    with pytest.raises(RunbookError) as refused:
        urls.direct(Secret(url))
    error = refused.value
    assert error.code == code, error.what
    said = f"{error.what} {error.why} {error.next}"
    assert "s3cret" not in said
    assert error.next or error.why


@pytest.mark.parametrize("url", [DIRECT, SESSION])
def test_a_pooled_url_with_another_port_is_named(url: str) -> None:
    with pytest.raises(RunbookError) as refused:
        urls.pooled(Secret(url))
    assert refused.value.code == "PG-009"


@pytest.mark.parametrize(
    "url",
    [DIRECT, SESSION, "postgresql://postgres:pw-of-mine@[::1]:5433/postgres", "postgres://a:b@localhost/c"],
)
def test_good_direct_urls_are_taken(url: str) -> None:
    assert urls.direct(Secret(url)).database in ("postgres", "c")


def test_two_urls_of_two_projects_are_refused() -> None:
    other = urls.pooled(Secret(POOLED.replace(REF, "another")))
    with pytest.raises(RunbookError) as refused:
        urls.same_project(urls.direct(Secret(DIRECT)), other)
    assert refused.value.code == "PG-011"
    urls.same_project(urls.direct(Secret(DIRECT)), urls.pooled(Secret(POOLED)))


def test_tls_is_required_unless_the_way_is_private() -> None:
    assert urls.parse(Secret(DIRECT)).sslmode == "require"
    assert urls.parse(Secret(DIRECT + "?sslmode=verify-full")).sslmode == "verify-full"
    assert urls.parse(Secret("postgresql://a:b@127.0.0.1/c")).sslmode == "prefer"
    assert urls.parse(Secret("postgresql://a:b@db.internal/c?sslmode=disable")).sslmode == "disable"


def test_the_roles_user_has_the_projects_reference_only_at_the_shared_pooler() -> None:
    password = Secret("of-the-role")
    assert urls.pooled(Secret(POOLED)).as_role("langfuse", password).user == f"langfuse.{REF}"
    assert urls.direct(Secret(DIRECT)).as_role("langfuse", password).user == "langfuse"
    dedicated = DIRECT.replace(":5432", ":6543")
    assert urls.pooled(Secret(dedicated)).as_role("langfuse", password).user == "langfuse"


def test_prismas_url_has_prismas_parameters_and_libpqs_has_not() -> None:
    url = urls.pooled(Secret(POOLED)).as_role("langfuse", Secret("p@ss/w?rd#%&"))
    prisma = urlsplit(url.prisma("langfuse", pooled=True, connection_limit=5).reveal())
    assert parse_qs(prisma.query) == {
        "schema": ["langfuse"],
        "pgbouncer": ["true"],
        "connection_limit": ["5"],
        "sslmode": ["require"],
    }
    assert (prisma.hostname, prisma.port, prisma.path) == ("aws-0-us-east-2.pooler.supabase.com", 6543, "/postgres")
    direct = urls.direct(Secret(DIRECT)).prisma("langfuse", pooled=False).reveal()
    assert direct.endswith(f"@db.{REF}.supabase.co:5432/postgres?schema=langfuse&sslmode=require")
    strict = urls.direct(Secret(DIRECT + "?sslmode=verify-full")).prisma("langfuse", pooled=False).reveal()
    assert strict.endswith("&sslmode=require&sslaccept=strict")
    assert "schema" not in url.libpq().reveal()


@pytest.mark.parametrize("password", ["plain", "p@ss/w?rd#%& =+:;'\"\\é", "[x]", secrets.token_urlsafe(20)])
def test_any_password_survives_building_and_parsing(password: str) -> None:
    url = urls.PgUrl("us.er", Secret(password), "::1", 5433, "my db", "prefer")
    parsed = psycopg.conninfo.conninfo_to_dict(url.libpq().reveal())
    assert parsed["password"] == password
    assert (parsed["host"], parsed["port"], parsed["dbname"], parsed["user"]) == ("::1", "5433", "my db", "us.er")
    assert urls.parse(url.libpq()) == url


def test_a_url_can_be_shown_without_its_password() -> None:
    url = urls.parse(Secret(DIRECT))
    assert "s3cretWord" not in repr(url)
    assert url.where == f"db.{REF}.supabase.co:5432/postgres"


@pytest.mark.parametrize("password", ["p{k}9", "a[b]c", "x<y>z", "FOURYOURS2", "[", "}{", "[a]b", "<a", "YOURS", "p:q"])
def test_a_password_that_only_looks_like_a_placeholder_is_taken(password: str) -> None:
    """R13: as it is, and encoded."""
    for written in (password, quote(password, safe="")):
        url = urls.direct(Secret(f"postgresql://postgres:{written}@db.abcdefgh.supabase.co:5432/postgres"))
        assert url.password.reveal() == password


def test_any_password_is_taken_encoded_and_plain_where_a_url_can_hold_it() -> None:
    """Whatever is refused as it is, is refused as not encoded."""
    moments = random.Random(13)
    letters = string.ascii_letters + string.digits + string.punctuation + " äß€"
    for _ in range(500):
        password = "".join(moments.choices(letters, k=moments.randint(8, 24)))
        place = "@db.abcdefgh.supabase.co:5432/postgres"
        encoded = urls.direct(Secret(f"postgresql://postgres:{quote(password, safe='')}{place}"))
        assert encoded.password.reveal() == password
        if "%" in password:
            continue  # what stands behind it may be taken for an encoded letter
        plain = Secret(f"postgresql://postgres:{password}{place}")
        if set(password) & set("@/?# "):
            with pytest.raises(RunbookError) as caught:
                urls.direct(plain)
            assert caught.value.code == "PG-005", password
        else:
            assert urls.direct(plain).password.reveal() == password


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://postgres:[YOUR-PASSWORD]@db.abcdefgh.supabase.co:5432/postgres",
        "postgresql://postgres:%5BYOUR-PASSWORD%5D@db.abcdefgh.supabase.co:5432/postgres",
        "postgresql://postgres:YOUR_DB_PASSWORD@db.abcdefgh.supabase.co:5432/postgres",
        "postgresql://postgres:PASSWORD@db.abcdefgh.supabase.co:5432/postgres",
        "postgresql://postgres:s3cr3t99@db.[PROJECT].supabase.co:5432/postgres",
        "postgresql://postgres.PROJECTREF:s3cr3t99@aws-0.pooler.supabase.com:6543/postgres",
        "postgresql://<user>:s3cr3t99@db.abcdefgh.supabase.co:5432/postgres",
    ],
)
def test_what_a_template_left_is_still_refused(text: str) -> None:
    with pytest.raises(RunbookError) as caught:
        urls.parse(Secret(text))
    assert caught.value.code == "PG-003"


def test_an_error_names_its_variable() -> None:
    with pytest.raises(RunbookError) as caught, urls.named(urls.DIRECT):
        urls.direct(Secret("mysql://x"))
    assert caught.value.what == "SUPABASE_DIRECT_URL: this is not a postgresql:// URL"
