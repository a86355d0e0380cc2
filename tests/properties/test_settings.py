"""URLs with any password, `.env` files, stack files and vaults: what goes in comes out, or is refused by its code."""

from __future__ import annotations

import tempfile
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.description import settings
from ops.description.read import read
from ops.description.stack import Stack
from ops.render import quoting
from ops.render.files import render_all
from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.vault import postgres_urls
from ops.vault.store import Vault

ROOT = Path(__file__).resolve().parents[2]
STACK = ROOT / "ops" / "stack.toml"
PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,20}", fullmatch=True)
LINES = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs", "Cc"]), max_size=40)


def url(password: str) -> Secret:
    return Secret(f"postgresql://postgres:{password}@db.abcdefghijklmnopqrst.supabase.co:5432/postgres")


@given(PRINTABLE)
def test_a_password_that_is_encoded_is_taken_whatever_it_is(password: str) -> None:
    """R13."""
    taken = postgres_urls.direct(url(quote(password, safe="")))
    assert taken.connect()["password"] == password
    for built in (taken.libpq(), taken.prisma("langfuse", pooled=False)):
        assert unquote(urlsplit(built.reveal()).password or "") == password


@given(PRINTABLE)
def test_one_that_is_not_encoded_is_taken_as_it_is_or_refused(password: str) -> None:
    """R13: never taken for another password, and never quoted."""
    try:
        taken = postgres_urls.direct(url(password))
    except RunbookError as error:
        assert error.code.startswith("PG-0")
        assert error.next or error.why
        assert len(password) < 8 or password not in f"{error.what}{error.why}{error.next}"
    else:
        assert taken.connect()["password"] in (password, unquote(password))


@given(st.text(max_size=200))
def test_whatever_is_pasted_as_a_url_is_an_error_of_the_runbook(text: str) -> None:
    """R14."""
    for kind in (postgres_urls.direct, postgres_urls.pooled):
        try:
            kind(Secret(text))
        except RunbookError as error:
            assert error.code.startswith("PG-0")


@given(st.dictionaries(NAMES, LINES.filter(lambda text: "'" not in text and "\\" not in text), max_size=8))
def test_an_env_file_is_read_as_it_was_written(values: dict[str, str]) -> None:
    """R12: and an empty variable of the environment hides nothing of it."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".env").write_text("".join(f"{name}='{value}'\n" for name, value in values.items()))
        assert settings.load(Path(folder), dict.fromkeys(values, "")) == values


@given(st.binary(max_size=300))
def test_any_env_file_is_read_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / ".env").write_bytes(content)
        try:
            settings.load(Path(folder), {})
        except RunbookError as error:
            assert error.code == "ENV-001"


KEYS = st.sampled_from(
    [f"{table}.{key}" for table, keys in {
        "STACK": ("NAME", "FOLDER", "VAULT", "AGENT", "OPERATOR_EMAIL"), "FLY": ("APP", "ORG", "REGION"),
        "EDGE": ("MAX_BODY", "PATHS"), "POSTGRES": ("SCHEMA", "CONNECTION_LIMIT"), "MODELS": ("DEFAULT", "TIMEOUT_S"),
        "IMAGES": ("LANGFUSE_WEB", "LANGFUSE_VERSION"), "STORAGE": ("IMAGE", "BUCKET"), "DOMAINS": ("GATEWAY",),
        "CLICKHOUSE": ("IMAGE", "DATABASE"), "REDIS": ("NAME", "PLAN"),
    }.items() for key in keys]
)  # fmt: skip
HOSTILE = st.one_of(
    st.sampled_from(
        ["$(id)", "`id`", "a\nRUN id", "a b", "../x", "/etc", "x;id", "{$HOME}", '"', "'", "\\", "${X}", "nan"]
    ),
    st.text(max_size=30),
    st.integers(),
    st.floats(),
)


@given(KEYS, HOSTILE)
def test_a_stack_file_is_refused_with_its_key_or_rendered(key: str, value: object) -> None:
    """R22: whatever stands in it, the error is the runbook's, and names where."""
    written = quoting.toml(value) if isinstance(value, str) else str(value)
    try:
        stack: Stack = read(STACK, {f"STACK__{key.replace('.', '__')}": written})
    except RunbookError as error:
        assert error.code == "STACK-002"
        assert (
            key.rpartition(".")[2].lower() in error.what.lower() or key.partition(".")[0].lower() in error.what.lower()
        )
    else:
        render_all(stack)


VISIBLE = st.characters(categories=["L", "N", "P", "S"]).filter(str.isprintable)
SECRETS = st.dictionaries(NAMES, st.text(VISIBLE, min_size=1), max_size=6)


@given(st.lists(SECRETS, max_size=4))
def test_a_vault_gives_back_what_it_was_given(rounds: list[dict[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place, kept = Path(folder) / "vault" / "vault.json", {}
        for values in rounds:
            Vault(place, "local").put({name: Secret(value) for name, value in values.items()}, origin="given")
            kept |= values
            fresh = Vault(place, "local")
            assert {name: fresh.get(name).reveal() for name in fresh.names()} == kept


@given(st.text(max_size=5).filter(lambda text: not text.isprintable() or not text))
def test_a_vault_refuses_what_no_variable_can_hold(value: str) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.raises(RunbookError) as refused:
        Vault(Path(folder) / "vault" / "vault.json", "local").put({"A_KEY": Secret(value)}, origin="given")
    assert refused.value.code == "VAULT-012"
