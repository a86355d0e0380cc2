"""Step 3.5's proof: through the pooler, our role lands in our schema."""

from __future__ import annotations

import contextlib

from ops.runbook.errors import RunbookError
from ops.services.postgres.session import session
from ops.services.postgres.urls import PgUrl


def check(url: PgUrl, schema: str, *, connections: int = 4) -> str:
    """Prove that fresh connections through the pooler land in our schema, as Langfuse's unqualified SQL needs.

    Args:
        url: the pooled URL as our role.
        schema: what `current_schema()` must say on each.
        connections: how many to open at the same time, so that the pooler uses several of its own.

    Returns:
        One line of evidence.

    Raises:
        RunbookError: PG-040 a connection landed elsewhere; PG-03x it cannot be reached.
    """
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(session(url)) for _ in range(connections)]
        # Each stays in its transaction: a pooler must give each a connection of its own.
        rows = [connection.execute("SELECT current_schema(), pg_backend_pid()").fetchone() for connection in opened]
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
