"""The remote lock: two operators on two machines must not deploy at once.

A session-level advisory lock in the shared Postgres, over the direct connection: it is gone the moment its
holder's connection is, so a laptop that dies leaves nothing behind. Prisma's own migration lock has another number.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret

if TYPE_CHECKING:
    from ops.targets.workspace import Workspace
    from ops.vault.postgres_urls import PgUrl

_FREE_HOLDER = "somebody"
GRACE_S = 2.0


@contextlib.contextmanager
def held(workspace: Workspace) -> Iterator[bool]:
    """Hold the stack's lock while inside; says whether somebody else held it a moment ago.

    Without a database URL there is nothing yet that two could deploy.

    Raises:
        RunbookError: LOCK-010 somebody else deploys this stack; PG-0xx the database cannot be reached.
    """
    url = _url(workspace)
    if url is None:
        yield False
        return
    import psycopg

    from ops.services.postgres.session import CONNECT_TIMEOUT, connect_error

    try:
        connection = psycopg.connect(
            **url.connect(),  # type: ignore[arg-type]
            connect_timeout=CONNECT_TIMEOUT,
            application_name=_me(),
            autocommit=True,
            # A connection that says nothing for the length of an image build must not be cut on the way.
            keepalives=1,
            keepalives_idle=30,
            keepalives_interval=10,
        )
    except psycopg.OperationalError as error:
        raise connect_error(url, error) from None
    number = key(workspace.stack.fly.app)
    try:
        waited = False
        # A holder that has just died is given the moment the server needs to notice.
        give_up = time.monotonic() + GRACE_S
        while not _taken(connection, number):
            if time.monotonic() > give_up:
                raise RunbookError(
                    "LOCK-010",
                    f"{_holder(connection, number)} deploys {workspace.stack.fly.app} right now",
                    why="two deploys at once would undo each other",
                    next="wait until theirs has ended, then the same command again",
                    blocked=True,
                )
            waited = True
            interrupt.sleep(0.2)
        try:
            yield waited
        finally:
            # Closing alone frees it a moment later, when the server notices.
            with contextlib.suppress(psycopg.Error):
                connection.execute("SELECT pg_advisory_unlock(%s)", [number])
    finally:
        connection.close()


def _taken(connection: Any, number: int) -> bool:
    """Try to take the lock."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", [number]).fetchone()
    return bool(row and row[0])


def key(app: str) -> int:
    """The lock's number: 63 bits of a digest of the app's name, which is unique on Fly."""
    return int.from_bytes(hashlib.sha256(f"llm-gateway-runbook:{app}".encode()).digest()[:8]) >> 1


def _url(workspace: Workspace) -> PgUrl | None:
    from ops.vault import postgres_urls as urls

    name = urls.DIRECT
    with urls.named(name):
        if workspace.vault.has(name):
            return urls.direct(workspace.vault.get(name))
        given = workspace.environ.get(name, "").strip()
        return urls.direct(Secret(given)) if given else None


def _me() -> str:
    """Who holds it, for the other to read; Postgres keeps 63 bytes."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return f"runbook {user}@{socket.gethostname()}"[:63]


def _holder(connection: Any, number: int) -> str:
    row = connection.execute(
        "SELECT a.application_name, a.backend_start FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
        " AND l.classid::bigint = %s AND l.objid::bigint = %s",
        [number >> 32, number & 0xFFFFFFFF],
    ).fetchone()
    if not row or not row[0]:
        return _FREE_HOLDER
    since = row[1].strftime("%H:%M UTC") if row[1] else ""
    return f"{row[0].removeprefix('runbook ')} (since {since})" if since else str(row[0])
