"""The stand-in's hold on Postgres: migrations over the direct URL, reading over the pooled one.

It exists to prove what the real Langfuse needs of a database: a role that may create tables in its schema
over DIRECT_URL, and reach them over DATABASE_URL through a pooler in transaction mode. And it keeps key pairs and the
first user where the real one keeps them, made at the start and never changed by it afterwards.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, LiteralString
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ops.standins.langfuse_settings import Settings

if TYPE_CHECKING:
    import psycopg

CONNECT_TIMEOUT_S = 15
# Prisma's: one lock per database for all its applications, given up after ten seconds.
MIGRATION_LOCK = 72707369
LOCK_TIMEOUT = "10s"
BCRYPT_ROUNDS = 10
PRISMA_ONLY = frozenset(
    {"schema", "pgbouncer", "connection_limit", "pool_timeout", "socket_timeout", "statement_cache_size"}
)
MIGRATIONS: tuple[tuple[str, str], ...] = (
    ("0001_projects", "CREATE TABLE IF NOT EXISTS standin_projects (id text PRIMARY KEY, name text NOT NULL)"),
    (
        "0002_boots",
        "CREATE TABLE IF NOT EXISTS standin_boots (at timestamptz NOT NULL DEFAULT now(), pid integer NOT NULL)",
    ),
    # The columns of Langfuse's own tables that matter here (packages/shared/prisma/schema.prisma of 4.16.0).
    (
        "0003_api_keys",
        "CREATE TABLE IF NOT EXISTS api_keys (id text PRIMARY KEY,"
        " created_at timestamp(3) NOT NULL DEFAULT now(), note text,"
        " public_key text NOT NULL UNIQUE, hashed_secret_key text NOT NULL UNIQUE, display_secret_key text NOT NULL,"
        " project_id text REFERENCES standin_projects (id) ON DELETE CASCADE)",
    ),
    (
        "0004_users",
        "CREATE TABLE IF NOT EXISTS users (id text PRIMARY KEY, name text, email text UNIQUE, password text,"
        " created_at timestamp(3) NOT NULL DEFAULT now(), updated_at timestamp(3) NOT NULL DEFAULT now())",
    ),
    (
        "0005_background_migrations",
        "CREATE TABLE IF NOT EXISTS background_migrations (id text PRIMARY KEY,"
        " name text NOT NULL UNIQUE, script text NOT NULL,"
        " args jsonb NOT NULL, state jsonb NOT NULL DEFAULT '{}', finished_at timestamp(3), failed_at timestamp(3),"
        " failed_reason text, worker_id text, locked_at timestamp(3))",
    ),
    (
        "0006_a_background_migration",
        "INSERT INTO background_migrations (id, name, script, args, finished_at)"
        " VALUES ('standin', '0006_nothing_to_move', 'nothing', '{}', now()) ON CONFLICT DO NOTHING",
    ),
)
# Prisma's own account, as it makes it.
ACCOUNT: LiteralString = (
    "CREATE TABLE IF NOT EXISTS _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL,"
    " finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,"
    " started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0)"
)
NOTED: LiteralString = (
    "INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)"
    " VALUES (%s, '', %s, now(), 1)"
)


class DatabaseProblem(Exception):
    """The database cannot be used; the message names host, port and cause, never credentials."""


@dataclass(frozen=True)
class Address:
    """A Prisma connection URL split into what libpq understands and the schema."""

    conninfo: str
    schema: str
    where: str

    @classmethod
    def parse(cls, url: str) -> Address:
        """Take Prisma's own parameters out of ``url``. Raises DatabaseProblem when it is no Postgres URL."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or 5432
        except ValueError:
            raise DatabaseProblem("the database URL cannot be parsed") from None
        if parts.scheme not in ("postgres", "postgresql") or not host:
            raise DatabaseProblem("the database URL is not of the form postgresql://user:password@host:port/name")
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        kept = urlencode([(name, value) for name, value in pairs if name not in PRISMA_ONLY])
        # Without a schema Prisma means public, whatever the role's search path says.
        schema = dict(pairs).get("schema") or "public"
        return cls(urlunsplit(parts._replace(query=kept)), schema, f"{host}:{port}")

    def connect(self) -> psycopg.Connection[Any]:
        """Open a connection. Raises DatabaseProblem."""
        # Imported here: most rehearsal servers start without a database.
        import psycopg

        try:
            # Named prepared statements break behind a pooler in transaction mode.
            return psycopg.connect(self.conninfo, connect_timeout=CONNECT_TIMEOUT_S, prepare_threshold=None)
        except psycopg.Error as exc:
            raise DatabaseProblem(f"no connection to {self.where} ({_cause(exc)})") from None


class Database:
    """Migrates on construction, then answers whether reading works.

    Args:
        direct_url: where tables are made. database_url: where they are read from then on.
        settings: project, key pair and user, each written once, by the first boot that has them.
        pid: process id, noted as one more boot.

    Raises DatabaseProblem when migrating fails.
    """

    def __init__(self, settings: Settings, pid: int) -> None:
        self._direct = Address.parse(settings.direct_url)
        self._runtime = Address.parse(settings.database_url)
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        self._connected_with: str | None = None
        self.applied = self._migrate(settings, pid)

    def _migrate(self, settings: Settings, pid: int) -> list[str]:
        import psycopg

        try:
            with self._direct.connect() as connection, connection.transaction():
                _enter(connection, self._direct.schema)
                connection.execute("SELECT set_config('lock_timeout', %s, true)", (LOCK_TIMEOUT,))
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
                connection.execute(ACCOUNT)
                done = {row[0] for row in connection.execute("SELECT migration_name FROM _prisma_migrations")}
                for name, statement in MIGRATIONS:
                    if name not in done:
                        connection.execute(statement.encode())
                        connection.execute(NOTED, (str(uuid.uuid4()), name))
                _provision(connection, settings)
                connection.execute("INSERT INTO standin_boots (pid) VALUES (%s)", (pid,))
        except psycopg.Error as exc:
            raise DatabaseProblem(f"migrations failed on {self._direct.where} ({_cause(exc)})") from None
        return [name for name, _ in MIGRATIONS]

    def check(self) -> None:
        """Read one row of the project's table over DATABASE_URL; blocks. Raises DatabaseProblem."""
        self._one("SELECT 1 FROM standin_projects LIMIT 1", ())

    def knows_key(self, public: str, secret: str) -> bool:
        """Whether this is a valid pair; blocks. Raises DatabaseProblem."""
        row = self._one("SELECT hashed_secret_key FROM api_keys WHERE public_key = %s", (public,))
        return row is not None and hmac.compare_digest(row[0], _hashed(secret))

    def knows_user(self, email: str, password: str) -> bool:
        """Whether this user has this password; blocks. Raises DatabaseProblem."""
        import bcrypt

        row = self._one("SELECT password FROM users WHERE email = %s", (email.strip().lower(),))
        return row is not None and bcrypt.checkpw(password.encode()[:72], row[0].encode())

    def _one(self, query: LiteralString, values: tuple[str, ...]) -> tuple[Any, ...] | None:
        import psycopg

        with self._lock:
            for attempt in (1, 2):
                connection = self._open()
                try:
                    with connection.transaction():
                        _enter(connection, self._runtime.schema)
                        return connection.execute(query, values).fetchone()
                except psycopg.Error as exc:
                    self._drop()
                    # The first failure may be a connection which died since the last time.
                    if attempt == 2:
                        raise DatabaseProblem(f"no answer from {self._runtime.where} ({_cause(exc)})") from None
        return None

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = self._runtime.connect()
            info = self._connection.info
            self._connected_with = f"{info.host}:{info.port}"
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._connected_with = None, None

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def info(self) -> dict[str, Any]:
        """Where it migrated, where it reads, which migrations are in; no credentials."""
        return {
            "connected": self._connected_with,
            "database_url": self._runtime.where,
            "direct_url": self._direct.where,
            "schema": self._runtime.schema,
            "migrations": self.applied,
        }


def _provision(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Make what is not there yet, as Langfuse's initialize.ts does; what is there stays as it is."""
    import bcrypt

    project = settings.project_id, settings.project_name
    connection.execute("INSERT INTO standin_projects VALUES (%s, %s) ON CONFLICT DO NOTHING", project)
    connection.execute(
        "INSERT INTO api_keys (id, note, public_key, hashed_secret_key, display_secret_key, project_id)"
        " VALUES (gen_random_uuid(), %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        (
            "Provisioned API Key",
            settings.public_key,
            _hashed(settings.secret_key),
            f"{settings.secret_key[:6]}...{settings.secret_key[-4:]}",
            settings.project_id,
        ),
    )
    there = connection.execute("SELECT 1 FROM users WHERE email = %s", (settings.email,)).fetchone()
    if settings.email and settings.password and there is None:
        hashed = bcrypt.hashpw(settings.password.encode(), bcrypt.gensalt(BCRYPT_ROUNDS)).decode()
        connection.execute(
            "INSERT INTO users (id, name, email, password) VALUES (gen_random_uuid(), %s, %s, %s)",
            (settings.user_name, settings.email, hashed),
        )


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _enter(connection: psycopg.Connection[Any], schema: str) -> None:
    """Make ``schema`` the search path until the transaction ends, so that a pooler cannot carry it on."""
    connection.execute("SELECT set_config('search_path', quote_ident(%s), true)", (schema,))


def _cause(exc: psycopg.Error) -> str:
    """The kind of an error; its text is left out, since a driver may quote the connection string."""
    return f"{type(exc).__name__}{f' {exc.sqlstate}' if exc.sqlstate else ''}"
