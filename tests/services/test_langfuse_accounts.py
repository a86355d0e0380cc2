"""Key pairs and the first user's password in Langfuse's own tables, by a real Postgres and the role that owns them.

The tables have the columns that matter, as the stand-in makes them.
"""

from __future__ import annotations

from datetime import UTC, datetime

import bcrypt
import psycopg
import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import State
from ops.services import langfuse_accounts
from ops.services.langfuse_accounts import NOTE, PASSWORD, PUBLIC, SECRET
from ops.standins.langfuse_database import MIGRATIONS
from tests.services.real_servers import wait_for
from tests.services.shop import Place


class Langfuse:
    """The schema of a Langfuse that has started once with the vault's values."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.email = place.stack.stack.operator_email.lower()
        self.starts_with("first")
        with self.connection() as connection:
            for _, statement in MIGRATIONS:
                connection.execute(statement.encode())
            connection.execute("INSERT INTO standin_projects VALUES (%s, 'p')", (place.stack.langfuse.project_id,))
        self.user("a-first-password")
        self.pair("pk-lf-first")

    def starts_with(self, word: str) -> None:
        """New values in the vault."""
        values = {PUBLIC: f"pk-lf-{word}", SECRET: f"sk-lf-{word}", PASSWORD: f"a-{word}-password"}
        self.place.vault.put({name: Secret(value) for name, value in values.items()}, origin="generated")

    def connection(self) -> psycopg.Connection[tuple[object, ...]]:
        password = self.place.vault.get("LANGFUSE_DB_PASSWORD").reveal()
        url = self.place.server.url(database=self.place.database).reveal()
        return psycopg.connect(url, user=self.place.role, password=password, options="-c search_path=langfuse")

    def pair(self, public: str, note: str | None = NOTE, project: str = "") -> None:
        """A row as Langfuse writes it."""
        with self.connection() as connection:
            if project:
                connection.execute("INSERT INTO standin_projects VALUES (%s, 'other')", (project,))
            connection.execute(
                "INSERT INTO api_keys (id, note, public_key, hashed_secret_key, display_secret_key, project_id)"
                " VALUES (%s, %s, %s, %s, 'sk...', %s)",
                (public, note, public, public, project or self.place.stack.langfuse.project_id),
            )

    def user(self, password: str) -> None:
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        with self.connection() as connection:
            connection.execute(
                "INSERT INTO users (id, email, password) VALUES (%s, %s, %s)"
                " ON CONFLICT (email) DO UPDATE SET password = excluded.password",
                (self.email, self.email, hashed),
            )

    def pairs(self) -> set[object]:
        with self.connection() as connection:
            return {row[0] for row in connection.execute("SELECT public_key FROM api_keys")}

    def opens(self, password: str) -> bool:
        with self.connection() as connection:
            row = connection.execute("SELECT password FROM users WHERE email = %s", (self.email,)).fetchone()
        assert row is not None
        return bcrypt.checkpw(password.encode(), str(row[0]).encode())


@pytest.fixture
def langfuse(place: Place) -> Langfuse:
    place.act()
    return Langfuse(place)


def look(place: Place) -> tuple[State, str]:
    found = langfuse_accounts.look(place.stack, place.vault)
    return found.state, found.diff or found.evidence


def a_second_later() -> None:
    """The vault counts in seconds."""
    began = datetime.now(UTC).replace(microsecond=0)
    wait_for(lambda: datetime.now(UTC).replace(microsecond=0) > began, "the next second")


def test_nothing_is_known_before_the_schema_and_nothing_is_stale_before_langfuse(place: Place) -> None:
    assert look(place)[0] is State.UNKNOWN
    place.vault.put({name: Secret(f"a-{name}") for name in (PUBLIC, SECRET, PASSWORD)}, origin="generated")
    # A login that must fail is not tried: Supabase bans addresses for it.
    assert look(place) == (State.UNKNOWN, "the role's password is not known to be the vault's")
    place.act()
    assert look(place) == (State.SATISFIED, "Langfuse has been given no key pair yet")


def test_the_vaults_pair_alone_is_as_wanted(langfuse: Langfuse) -> None:
    assert look(langfuse.place) == (State.SATISFIED, "the vault's key pair is the only provisioned one")


def test_a_replaced_pair_dies_once_langfuse_knows_the_new_one(
    langfuse: Langfuse, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = langfuse.place
    langfuse.starts_with("second")
    state, diff = look(place)
    assert state is State.DRIFTED
    assert "pk-lf-first: valid → deleted" in diff
    assert "sk-lf" not in diff
    monkeypatch.setattr(langfuse_accounts, "KNOWN_WITHIN_S", 0.2)
    with pytest.raises(RunbookError) as refused:
        langfuse_accounts.act(place.stack, place.vault, place.said.append)
    assert refused.value.code == "LF-003"
    assert langfuse.pairs() == {"pk-lf-first"}, "no trace may be refused in between"
    langfuse.pair("pk-lf-second")
    langfuse_accounts.act(place.stack, place.vault, place.said.append)
    assert langfuse.pairs() == {"pk-lf-second"}
    assert "deleting the key pair pk-lf-first" in place.said


def test_keys_of_people_and_of_other_projects_stay(langfuse: Langfuse) -> None:
    langfuse.pair("pk-lf-mine", note="my notebook")
    langfuse.pair("pk-lf-unnamed", note=None)
    langfuse.pair("pk-lf-elsewhere", project="another")
    assert look(langfuse.place)[0] is State.SATISFIED
    langfuse.starts_with("second")
    langfuse.pair("pk-lf-second")
    langfuse_accounts.act(langfuse.place.stack, langfuse.place.vault, langfuse.place.said.append)
    assert langfuse.pairs() == {"pk-lf-second", "pk-lf-mine", "pk-lf-unnamed", "pk-lf-elsewhere"}


def test_a_replaced_password_is_set_as_langfuse_hashes_it(langfuse: Langfuse) -> None:
    place = langfuse.place
    a_second_later()
    place.vault.put({PASSWORD: Secret("a-second-password")}, origin="generated")
    state, diff = look(place)
    assert state is State.DRIFTED
    assert diff == f"password of {langfuse.email}: not the vault's → the vault's"
    langfuse_accounts.act(place.stack, place.vault, place.said.append)
    assert langfuse.opens("a-second-password")
    assert not langfuse.opens("a-first-password")
    assert look(place)[0] is State.SATISFIED
    assert "a-second-password" not in "".join(place.said)


def test_a_password_that_was_never_replaced_here_is_the_persons_own(langfuse: Langfuse) -> None:
    langfuse.user("chosen in the UI")
    assert look(langfuse.place)[0] is State.SATISFIED


def test_another_user_with_no_password_at_all_is_no_obstacle(langfuse: Langfuse) -> None:
    a_second_later()
    langfuse.place.vault.put({PASSWORD: Secret("a-second-password")}, origin="generated")
    with langfuse.connection() as connection:
        connection.execute("UPDATE users SET password = NULL")
    assert look(langfuse.place)[0] is State.SATISFIED, "signs in by other means"


def test_a_run_that_was_killed_half_way_has_done_nothing(langfuse: Langfuse, monkeypatch: pytest.MonkeyPatch) -> None:
    place = langfuse.place
    a_second_later()
    langfuse.starts_with("second")
    langfuse.pair("pk-lf-second")

    def dies(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(bcrypt, "hashpw", dies)
    with pytest.raises(KeyboardInterrupt):
        langfuse_accounts.act(place.stack, place.vault, place.said.append)
    assert langfuse.pairs() == {"pk-lf-first", "pk-lf-second"}
    monkeypatch.undo()
    langfuse_accounts.act(place.stack, place.vault, place.said.append)
    assert langfuse.pairs() == {"pk-lf-second"}
    assert langfuse.opens("a-second-password")


def test_looking_does_not_hash_while_nothing_was_replaced(langfuse: Langfuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: pytest.fail("a quarter of a second of every run"))
    assert look(langfuse.place)[0] is State.SATISFIED
