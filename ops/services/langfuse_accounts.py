"""Step 3.6: of the key pairs and the first user's password that Langfuse was given, only the vault's are valid.

Langfuse makes both at its start and never changes nor removes them (web/src/initialize.ts of 4.16.0): a pair that was
replaced would stay valid for ever. Its API for keys needs an enterprise licence, so this is done in its own tables,
in our schema, as its own role. Keys and users that people have made in Langfuse are not touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from ops.runbook.interrupt import wait_until
from ops.runbook.step import Look, Say, drifted, satisfied, unknown
from ops.services.postgres import setup, urls
from ops.services.postgres.session import session

if TYPE_CHECKING:
    import psycopg

    from ops.world import World

NOTE = "Provisioned API Key"  # what Langfuse writes behind a pair from its environment
ROUNDS = 12  # of bcrypt, as Langfuse has it (credentialsServerUtils.ts)
KNOWN_WITHIN_S = 120.0
PUBLIC, SECRET, PASSWORD = "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "LANGFUSE_ADMIN_PASSWORD"


class Accounts(msgspec.Struct, frozen=True):
    """What Langfuse has: the provisioned public keys, and the first user's password as bcrypt has it."""

    keys: frozenset[str] = frozenset()
    password: str | None = None


def look(world: World) -> Look:
    """The pairs and the password against the vault's; nothing is stale where Langfuse has not been yet.

    Raises:
        RunbookError: PG-0xx where the connection is no good.
    """
    vault = world.vault
    absent = [name for name in (PUBLIC, SECRET, PASSWORD, "SUPABASE_DIRECT_URL") if not vault.has(name)]
    if absent:
        return unknown(f"not in the vault yet: {', '.join(absent)}", until="1.2")
    # The digest is asked before the server: Supabase bans addresses after failed logins.
    if not vault.has("LANGFUSE_DB_PASSWORD") or setup.password_pending(world):
        return unknown("the role's password is not known to be the vault's", until="1.3")
    with _as_langfuse(world) as connection:
        found = _read(connection, world)
    stale = found.keys - {vault.get(PUBLIC).reveal()}
    differences = [f"key pair {key}: valid → deleted" for key in sorted(stale)]
    if _replaced(world) and found.password and not _opens(world, found.password):
        differences.append(f"password of {world.stack.stack.operator_email}: not the vault's → the vault's")
    if differences:
        return drifted("Langfuse takes what was replaced", "\n".join(differences))
    if not found.keys:
        return satisfied("Langfuse has been given no key pair yet")
    return satisfied("the vault's key pair is the only provisioned one")


def act(world: World, say: Say) -> None:
    """Delete replaced pairs once Langfuse knows the vault's; give the first user the vault's password.

    Raises:
        RunbookError: LF-003 Langfuse does not know the vault's pair; PG-0xx as `look`.
    """
    mine = world.vault.get(PUBLIC).reveal()
    with _as_langfuse(world) as connection:

        def known() -> bool:
            found = _read(connection, world)
            connection.rollback()
            return mine in found.keys

        wait_until(
            known,
            what="Langfuse to know the vault's key pair",
            timeout=KNOWN_WITHIN_S,
            say=say,
            code="LF-003",
            next="inv deploy.release",
        )
        found = _read(connection, world)
        for key in sorted(found.keys - {mine}):
            say(f"deleting the key pair {key}")
            _execute(connection, world, "DELETE FROM {}.api_keys WHERE public_key = %s AND note = %s", (key, NOTE))
        if _replaced(world) and found.password and not _opens(world, found.password):
            say("setting the first user's password")
            import bcrypt

            hashed = bcrypt.hashpw(world.vault.get(PASSWORD).reveal().encode(), bcrypt.gensalt(ROUNDS)).decode()
            _execute(
                connection,
                world,
                "UPDATE {}.users SET password = %s, updated_at = now() WHERE email = %s",
                (hashed, world.stack.stack.operator_email.lower()),
            )
        connection.commit()


@contextmanager
def _as_langfuse(world: World) -> Iterator[psycopg.Connection[Any]]:
    direct = urls.direct(world.vault.get("SUPABASE_DIRECT_URL"))
    role = direct.as_role(world.stack.postgres.role, world.vault.get("LANGFUSE_DB_PASSWORD"))
    with session(role) as connection:
        yield connection


def _read(connection: psycopg.Connection[Any], world: World) -> Accounts:
    schema = world.stack.postgres.schema
    made = connection.execute("SELECT to_regclass(format('%%I.api_keys', %s::text)) IS NOT NULL", (schema,)).fetchone()
    if made is None or not made[0]:
        return Accounts()
    rows = _execute(
        connection,
        world,
        "SELECT public_key FROM {}.api_keys WHERE project_id = %s AND note = %s",
        (world.stack.langfuse.project_id, NOTE),
    )
    keys = frozenset(str(row[0]) for row in rows.fetchall())
    user = _execute(
        connection,
        world,
        "SELECT password FROM {}.users WHERE email = %s",
        (world.stack.stack.operator_email.lower(),),
    ).fetchone()
    return Accounts(keys, str(user[0]) if user and user[0] else None)


def _execute(
    connection: psycopg.Connection[Any], world: World, statement: str, values: tuple[str, ...]
) -> psycopg.Cursor[Any]:
    from psycopg import sql

    return connection.execute(sql.SQL(statement).format(sql.Identifier(world.stack.postgres.schema)), values)


def _replaced(world: World) -> bool:
    """Whether the first user's password was ever replaced: until then it is the one Langfuse was started with."""
    return any(entry.name == PASSWORD and entry.changed > entry.created for entry in world.vault.entries())


def _opens(world: World, hashed: str) -> bool:
    import bcrypt

    try:
        return bcrypt.checkpw(world.vault.get(PASSWORD).reveal().encode(), hashed.encode())
    except ValueError:  # no bcrypt hash
        return False
