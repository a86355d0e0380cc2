"""Step 3.6: of the key pairs and the first user's password that Langfuse was given, only the vault's are valid.

Langfuse makes both at its start and never changes nor removes them (web/src/initialize.ts of 4.16.0): a pair that was
replaced would stay valid for ever. Its API for keys needs an enterprise licence, so this is done in its own tables,
in our schema, as its own role. Keys and users that people have made in Langfuse are not touched.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, LiteralString

import msgspec

from ops.runbook.interrupt import wait_until
from ops.runbook.step import Look, Say, drifted, satisfied, unknown
from ops.services.postgres import setup
from ops.services.postgres.session import session
from ops.vault import postgres_urls as urls

if TYPE_CHECKING:
    import psycopg

    from ops.description.stack import Stack
    from ops.vault import Vault

NOTE = "Provisioned API Key"  # what Langfuse writes behind a pair from its environment
ROUNDS = 12  # of bcrypt, as Langfuse has it (credentialsServerUtils.ts)
KNOWN_WITHIN_S = 120.0
PUBLIC, SECRET, PASSWORD = "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "LANGFUSE_ADMIN_PASSWORD"


class Stale(msgspec.Struct, frozen=True):
    """What Langfuse still takes and should not.

    Attributes:
        known: whether it knows the vault's key pair.
        keys: public keys of provisioned pairs that are not the vault's.
        password: whether the first user's password was replaced, and Langfuse has another.
    """

    known: bool = False
    keys: tuple[str, ...] = ()
    password: bool = False


def look(stack: Stack, vault: Vault) -> Look:
    """The pairs and the password against the vault's; nothing is stale where Langfuse has not been yet.

    Raises:
        RunbookError: PG-0xx where the connection is no good.
    """
    names = (PUBLIC, SECRET, PASSWORD, "SUPABASE_DIRECT_URL", "LANGFUSE_DB_PASSWORD")
    if absent := [name for name in names if not vault.has(name)]:
        return unknown(f"not in the vault yet: {', '.join(absent)}", until="1.2")
    # The digest is asked before the server: Supabase bans addresses after failed logins.
    if setup.password_pending(vault):
        return unknown("the role's password is not known to be the vault's", until="1.3")
    with as_langfuse(stack.postgres.role, vault) as connection:
        stale = _read(connection, stack, vault)
    differences = [f"key pair {key}: valid → deleted" for key in stale.keys]
    if stale.password:
        differences.append(f"password of {stack.stack.operator_email}: not the vault's → the vault's")
    if differences:
        return drifted("Langfuse takes what was replaced", "\n".join(differences))
    if not stale.known:
        return satisfied("Langfuse has been given no key pair yet")
    return satisfied("the vault's key pair is the only provisioned one")


def act(stack: Stack, vault: Vault, say: Say) -> None:
    """Delete replaced pairs once Langfuse knows the vault's; give the first user the vault's password.

    Raises:
        RunbookError: LF-003 Langfuse does not know the vault's pair; PG-0xx as `look`.
    """
    with as_langfuse(stack.postgres.role, vault) as connection:

        def known() -> bool:
            connection.rollback()  # the next look is to see what has come since
            return _read(connection, stack, vault).known

        wait_until(
            known,
            what="Langfuse to know the vault's key pair",
            timeout=KNOWN_WITHIN_S,
            say=say,
            code="LF-003",
            next="inv deploy.release",
        )
        stale = _read(connection, stack, vault)
        for key in stale.keys:
            say(f"deleting the key pair {key}")
            _execute(connection, stack, "DELETE FROM {}.api_keys WHERE public_key = %s AND note = %s", key, NOTE)
        if stale.password:
            say("setting the first user's password")
            import bcrypt

            hashed = bcrypt.hashpw(vault.get(PASSWORD).reveal().encode(), bcrypt.gensalt(ROUNDS)).decode()
            statement = "UPDATE {}.users SET password = %s, updated_at = now() WHERE email = %s"
            _execute(connection, stack, statement, hashed, _email(stack))
        connection.commit()


def as_langfuse(role: str, vault: Vault) -> AbstractContextManager[psycopg.Connection[Any]]:
    """A direct connection as Langfuse's own role.

    Raises:
        RunbookError: PG-0xx where it is no good.
    """
    direct = urls.direct(vault.get("SUPABASE_DIRECT_URL"))
    return session(direct.as_role(role, vault.get("LANGFUSE_DB_PASSWORD")))


def _read(connection: psycopg.Connection[Any], stack: Stack, vault: Vault) -> Stale:
    name = "SELECT to_regclass(format('%%I.api_keys', %s::text)) IS NOT NULL"
    if connection.execute(name, (stack.postgres.schema,)).fetchone() != (True,):
        return Stale()
    statement = "SELECT public_key FROM {}.api_keys WHERE project_id = %s AND note = %s ORDER BY 1"
    rows = _execute(connection, stack, statement, stack.langfuse.project_id, NOTE).fetchall()
    mine, keys = vault.get(PUBLIC).reveal(), [str(row[0]) for row in rows]
    user = _execute(connection, stack, "SELECT password FROM {}.users WHERE email = %s", _email(stack)).fetchone()
    # Until it is replaced the password is the one Langfuse was started with, or what the user has made of it.
    hashed = str(user[0]) if user and user[0] else ""
    password = bool(hashed) and _replaced(vault) and not _opens(vault, hashed)
    return Stale(mine in keys, tuple(key for key in keys if key != mine), password)


def _execute(
    connection: psycopg.Connection[Any], stack: Stack, statement: LiteralString, *values: str
) -> psycopg.Cursor[Any]:
    from psycopg import sql

    return connection.execute(sql.SQL(statement).format(sql.Identifier(stack.postgres.schema)), values)


def _email(stack: Stack) -> str:
    return stack.stack.operator_email.lower()


def _replaced(vault: Vault) -> bool:
    return any(entry.name == PASSWORD and entry.changed > entry.created for entry in vault.entries())


def _opens(vault: Vault, hashed: str) -> bool:
    import bcrypt

    try:
        return bcrypt.checkpw(vault.get(PASSWORD).reveal().encode(), hashed.encode())
    except ValueError:  # no bcrypt hash
        return False
