"""Step 3.5's proof: through the pooler, our role lands in our schema."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ops.runbook.errors import RunbookError
from ops.services.postgres.session import CONNECT_TIMEOUT, session
from ops.vault.postgres_urls import PgUrl

if TYPE_CHECKING:
    import psycopg

ANSWERS_S = 20.0


def check(url: PgUrl, schema: str, *, connections: int = 4, within: float = ANSWERS_S) -> str:
    """Prove that fresh connections through the pooler land in our schema, as Langfuse's unqualified SQL needs.

    Args:
        url: the pooled URL as our role.
        schema: what `current_schema()` must say on each.
        connections: how many to open at the same time, so that the pooler uses several of its own.
        within: seconds for each to open, and then for all to be answered. A pooler takes a login before it has a
            connection to the database, and lets a client wait for one for minutes.

    Returns:
        One line of evidence.

    Raises:
        RunbookError: PG-040 a connection landed elsewhere; PG-030 ... PG-032 it cannot be reached, or not in time.
    """
    late = threading.Event()
    try:
        with contextlib.ExitStack() as stack:
            patience = min(CONNECT_TIMEOUT, math.ceil(within))
            opened = [stack.enter_context(session(url, connect_timeout=patience)) for _ in range(connections)]
            stack.enter_context(_hung_up_after(within, opened, late))
            # Each stays in its transaction: a pooler must give each a connection of its own.
            rows = [connection.execute("SELECT current_schema(), pg_backend_pid()").fetchone() for connection in opened]
    except RunbookError as error:
        if error.code == "PG-030":
            error.next = "inv setup.schema, which gives the role the vault's password; then the same command again"
        if not late.is_set():
            raise
        raise RunbookError(
            "PG-032",
            f"the pooler {url.where} takes the login of {url.user}, but answers nothing in {within:.0f} s",
            why="it cannot reach the database, or has fewer connections to it than are in use",
            next="look at the database and its connections (Supabase, Database, Roles), then try again",
        ) from error
    found = {row[0] for row in rows if row}
    if found != {schema}:
        raise RunbookError(
            "PG-040",
            f"through the pooler {url.where}, {url.user} lands in {sorted(map(str, found))}, not in {schema}",
            why="the pooler drops the role's search_path, and Langfuse would miss its own tables",
            next="stay on the direct connection: it holds at most connection_limit per process",
        )
    backends = len({row[1] for row in rows if row})
    return f"{connections} connections through {url.where}, {backends} backends, all in schema {schema}"


@contextlib.contextmanager
def _hung_up_after(seconds: float, opened: list[psycopg.Connection[Any]], late: threading.Event) -> Iterator[None]:
    """While inside, and longer than so many seconds, the connections are cut: whoever waits on one gets an error."""

    import psycopg

    def cut() -> None:
        late.set()
        for connection in opened:
            with contextlib.suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as ours:
                ours.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
