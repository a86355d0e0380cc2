"""Opening a connection, and turning what goes wrong into something an operator can act on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ops.runbook.errors import RunbookError
from ops.vault.postgres_urls import PgUrl

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT = 10  # seconds
STATEMENT_TIMEOUT = "60s"


@contextlib.contextmanager
def session(url: PgUrl, *, connect_timeout: int = CONNECT_TIMEOUT) -> Iterator[psycopg.Connection[Any]]:
    """A connection, closed at the end; nothing is committed unless the caller does.

    Args:
        url: where and as whom.
        connect_timeout: seconds.

    Raises:
        RunbookError: PG-030 ... PG-035, by what the server or the network said.
    """
    import psycopg

    try:
        connection = psycopg.connect(
            **url.connect(),  # type: ignore[arg-type]
            connect_timeout=connect_timeout,
            application_name="llm-gateway-runbook",
            prepare_threshold=None,  # a transaction pooler would mix up prepared statements
        )
    except psycopg.OperationalError as error:
        raise connect_error(url, error) from None
    try:
        with connection:
            try:
                yield connection
            except BaseException:
                # A connection that is gone has nothing to roll back, and must not hide why it went.
                with contextlib.suppress(psycopg.Error):
                    connection.rollback()
                raise
            connection.rollback()
    except psycopg.Error as error:
        raise statement_error(url, error) from None


def connect_error(url: PgUrl, error: psycopg.Error) -> RunbookError:
    """What kept us from connecting, from libpq's words."""
    text = " ".join(str(error).split())
    lower = text.lower()
    # "password ..." says Postgres, "SASL ..." pgbouncer, the other Supabase's pooler.
    if "authentication failed" in lower or "wrong password" in lower:
        return RunbookError(
            "PG-030",
            f"{url.where} refuses the password of {url.user}",
            why="the password in the vault and the one in the database differ",
            next="Supabase, Settings, Database: reset it, put the URL into .env, inv vault.rotate SUPABASE_DIRECT_URL",
        )
    if "tenant or user not found" in lower or "no such user" in lower:
        return RunbookError(
            "PG-030",
            f"the pooler at {url.where} knows no {url.user}",
            why="wrong region in the host, wrong project reference, or the role is not there yet",
            next="compare with Supabase's Connect page",
        )
    resolving = "name or service not known", "could not translate", "nodename nor", "no address associated"
    if any(word in lower for word in (*resolving, "failed to resolve", "network is unreachable")):
        return RunbookError(
            "PG-031",
            f"{url.host} cannot be reached from this machine",
            why="the name does not exist, or has an IPv6 address only and this machine has no IPv6",
            next="use the session pooler (port 5432) as SUPABASE_DIRECT_URL, or a machine with IPv6",
        )
    full = "too many clients", "too many connections", "max client", "no more connections", "query_wait_timeout"
    if any(word in lower for word in full):
        return RunbookError(
            "PG-033",
            f"{url.where} has no free connection",
            why="all its users share the database's connections",
            next="wait, or look for idle ones in Supabase, Database, Roles",
        )
    if "server does not support ssl" in lower:
        return RunbookError(
            "PG-034",
            f"{url.where} does not speak TLS, and sslmode is {url.sslmode}",
            next="check host and port",
        )
    if "the database system is" in lower:
        return RunbookError("PG-035", f"{url.where} is starting or stopping", next="try again in a moment")
    return RunbookError("PG-032", f"{url.where} does not answer", why=_first(text), next="inv doctor, then try again")


def statement_error(url: PgUrl, error: psycopg.Error) -> RunbookError:
    """What the server refused, from its SQLSTATE."""
    from psycopg import errors

    message = _first(error.diag.message_primary or str(error))
    if "query_wait_timeout" in message or (isinstance(error, errors.OperationalError) and error.sqlstate is None):
        # Not refused, but cut off: by the network, by a server that stops, by a pooler that has none to give.
        return connect_error(url, error)
    if isinstance(error, errors.InsufficientPrivilege):
        return RunbookError(
            "PG-023",
            f"{url.user} may not do this at {url.where}: {message}",
            why="making a role and a schema needs CREATEROLE, and CREATE on the database; nothing was changed",
            next="use the URL of Supabase's 'postgres' role as SUPABASE_DIRECT_URL",
        )
    if isinstance(error, (errors.LockNotAvailable, errors.QueryCanceled, errors.SerializationFailure)):
        return RunbookError(
            "PG-024",
            f"{url.where} was busy: {message}",
            why="somebody else holds what is needed; nothing was changed",
            next="try again in a moment",
        )
    return RunbookError("PG-025", f"{url.where} refused: {message}", why="nothing was changed", next="try again")


def _first(text: str) -> str:
    line = text.strip().splitlines()
    return line[0] if line else ""
