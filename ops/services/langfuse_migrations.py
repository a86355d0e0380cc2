"""Step 3.7: Langfuse's migrations have run, those in the background too.

Langfuse keeps the account in its own tables: `_prisma_migrations`, and `background_migrations`, whose failed rows it
never tries again by itself (a missing right in ClickHouse leaves one on every fresh install; seen on 4.16.0).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, LiteralString

import msgspec

from ops.runbook.interrupt import wait_until
from ops.runbook.step import Look, Say, blocked, missing, satisfied, unknown
from ops.services.langfuse_accounts import as_langfuse
from ops.services.postgres import setup

if TYPE_CHECKING:
    import psycopg

    from ops.description.stack import Stack
    from ops.vault import Vault

WITHIN_S = 300.0
"""On a fresh install they take seconds; over old data hours, which nobody need wait for."""
REASON_CHARS = 300


class Account(msgspec.Struct, frozen=True):
    """What Langfuse's tables say.

    Attributes:
        done: how many migrations of Postgres have run; None if Langfuse has not been here.
        stopped: those that began and did not end.
        background: how many background migrations there are.
        running: those that have not ended.
        failed: those that failed, and why.
    """

    done: int | None = None
    stopped: tuple[str, ...] = ()
    background: int = 0
    running: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()


def look(stack: Stack, vault: Vault) -> Look:
    """Whether all have run.

    Raises:
        RunbookError: PG-0xx where the connection is no good.
    """
    names = ("SUPABASE_DIRECT_URL", "LANGFUSE_DB_PASSWORD")
    if absent := [name for name in names if not vault.has(name)]:
        return unknown(f"not in the vault yet: {', '.join(absent)}", until="1.2")
    # The digest is asked before the server: Supabase bans addresses after failed logins.
    if setup.password_pending(vault):
        return unknown("the role's password is not known to be the vault's", until="1.3")
    with as_langfuse(stack.postgres.role, vault) as connection:
        account = read(connection, stack.postgres.schema)
    if account.done is None:
        return satisfied("Langfuse has made no tables yet")
    if account.stopped:
        return blocked(
            f"migrations of Postgres began and did not end: {', '.join(account.stopped)}",
            next="read why: inv deploy.logs --group ui; then inv explain LF-005",
        )
    if account.failed:
        told = "; ".join(f"{name}: {reason}" for name, reason in account.failed)
        return blocked(
            f"background migrations failed: {told}",
            next="mend the reason, then press Retry in Langfuse (Background Migrations), or: inv explain LF-005",
        )
    if account.running:
        return missing(f"still running in the background: {', '.join(account.running)}")
    return satisfied(f"{account.done} migrations, {account.background} in the background: all have run")


def act(stack: Stack, vault: Vault, say: Say) -> None:
    """Wait for those that run.

    Raises:
        RunbookError: LF-005 they have not ended in time; PG-0xx as `look`.
    """
    with as_langfuse(stack.postgres.role, vault) as connection:

        def ended() -> bool:
            connection.rollback()  # the next look is to see what has come since
            return not read(connection, stack.postgres.schema).running

        wait_until(
            ended,
            what="Langfuse's background migrations",
            timeout=WITHIN_S,
            say=say,
            code="LF-005",
            next="inv deploy.logs --group worker; then the same command again",
        )


def read(connection: psycopg.Connection[Any], schema: str) -> Account:
    """The account, as far as the tables are there."""
    account = Account()
    if _there(connection, schema, "_prisma_migrations"):
        asked: LiteralString = "SELECT migration_name, finished_at, rolled_back_at FROM {}._prisma_migrations"
        rows = _rows(connection, schema, asked)
        stopped = tuple(sorted(name for name, finished, back in rows if finished is None and back is None))
        done = len({name for name, finished, _ in rows if finished is not None})
        account = msgspec.structs.replace(account, done=done, stopped=stopped)
    if _there(connection, schema, "background_migrations"):
        rows = _rows(
            connection,
            schema,
            "SELECT name, finished_at, failed_at, failed_reason FROM {}.background_migrations ORDER BY name",
        )
        account = msgspec.structs.replace(
            account,
            background=len(rows),
            running=tuple(name for name, finished, failed, _ in rows if finished is None and failed is None),
            failed=tuple(
                (name, " ".join(str(reason or "no reason given").split())[:REASON_CHARS])
                for name, _, failed, reason in rows
                if failed is not None
            ),
        )
    return account


def _there(connection: psycopg.Connection[Any], schema: str, table: str) -> bool:
    asked = "SELECT to_regclass(format('%%I.%%I', %s::text, %s::text)) IS NOT NULL"
    return connection.execute(asked, (schema, table)).fetchone() == (True,)


def _rows(connection: psycopg.Connection[Any], schema: str, statement: LiteralString) -> list[tuple[Any, ...]]:
    from psycopg import sql

    return connection.execute(sql.SQL(statement).format(sql.Identifier(schema))).fetchall()
