"""Postgres URLs: parsed and built, never pasted.

Supabase gives out several that look alike: the project's API (https), the direct host `db.<ref>.supabase.co`
(IPv6 only), and poolers whose user is `<role>.<ref>`: port 5432 for whole sessions, 6543 for transactions.
libpq and Prisma understand different parameters. What people paste wrongly is named here, one code each.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote, unquote

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret

# A password may have any character, so it is a placeholder only as a whole; elsewhere such words are nothing else.
_WORD = r"PASSWORD|YOUR[-_ ]?(?:\w+[-_ ])*PASSWORD"
_NO_PASSWORD = re.compile(rf"\[[^\]]*\]|<[^>]*>|\{{[^}}]*\}}|{_WORD}|YOUR[-_ ]\w+")
_ENCODED = re.compile(rf"[\[<{{]({_WORD})[\]>}}]")
_NO_NAME = re.compile(
    r"\[(?![0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]*\])[^\]]*\]|<[^>]*>|\{[^}]*\}|YOUR[-_ ]\w+|PROJECT[-_ ]?REF|POOLERHOST"
)
_PRISMA = {"schema", "pgbouncer", "connection_limit", "pool_timeout", "sslaccept", "statement_cache_size"}
_SSLMODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_POOLER = ".pooler.supabase.com"
_DIRECT = re.compile(r"db\.([a-z0-9-]+)\.supabase\.(?:co|com|in|red)")
_API = re.compile(r"([a-z0-9-]+)\.supabase\.(?:co|com|in|red)")


@dataclass(frozen=True)
class PgUrl:
    """Where a Postgres is and as whom to go there."""

    user: str
    password: Secret
    host: str
    port: int
    database: str
    sslmode: str

    @property
    def project(self) -> str | None:
        """Supabase's project reference, where the URL tells it."""
        direct = _DIRECT.fullmatch(self.host)
        if direct:
            return direct.group(1)
        if self.host.endswith(_POOLER) and "." in self.user:
            return self.user.rpartition(".")[2]
        return None

    @property
    def where(self) -> str:
        """`host:port/database`: what may be shown."""
        return f"{self._netloc}/{self.database}"

    def as_role(self, role: str, password: Secret) -> PgUrl:
        """The same place as another role; a shared pooler wants the project's reference behind the name."""
        suffix = f".{self.project}" if self.host.endswith(_POOLER) else ""
        return replace(self, user=role + suffix, password=password)

    def connect(self) -> Mapping[str, str | int]:
        """libpq's parameters, for `psycopg.connect(**...)`."""
        return {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password.reveal(),
            "dbname": self.database,
            "sslmode": self.sslmode,
        }

    def libpq(self) -> Secret:
        """The URL for libpq and everything built on it: no `schema=`, which libpq refuses."""
        return Secret(f"{self._base}?sslmode={self.sslmode}")

    def prisma(self, schema: str, *, pooled: bool, connection_limit: int | None = None) -> Secret:
        """The URL for Prisma.

        Args:
            schema: where its tables are; without it Prisma works on `public`.
            pooled: through a transaction pooler, where prepared statements do not survive.
            connection_limit: connections per process.
        """
        # Prisma knows three modes, and checks certificates only where sslaccept says so.
        sslmode = "prefer" if self.sslmode == "allow" else self.sslmode.partition("verify")[0] or "require"
        parameters = [f"schema={quote(schema, safe='')}"]
        if pooled:
            parameters.append("pgbouncer=true")
        if connection_limit is not None:
            parameters.append(f"connection_limit={connection_limit}")
        parameters.append(f"sslmode={sslmode}")
        if self.sslmode.startswith("verify"):
            parameters.append("sslaccept=strict")
        return Secret(f"{self._base}?{'&'.join(parameters)}")

    @property
    def _netloc(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def _base(self) -> str:
        user, password = quote(self.user, safe=""), quote(self.password.reveal(), safe="")
        return f"postgresql://{user}:{password}@{self._netloc}/{quote(self.database, safe='')}"


DIRECT, POOLED = "SUPABASE_DIRECT_URL", "SUPABASE_POOLED_URL"


@contextlib.contextmanager
def named(name: str) -> Iterator[None]:
    """While inside, an error about a value says which one it is: two are given, and they look alike."""
    try:
        yield
    except RunbookError as error:
        if not error.what.startswith(name):
            error.what = f"{name}: {error.what}"
        raise


def direct(value: Secret) -> PgUrl:
    """Parse a URL that goes past the transaction pooler, as making schemas and migrating need.

    Raises:
        RunbookError: PG-001 ... PG-010, saying what was pasted and what is wanted instead.
    """
    url = parse(value)
    if url.port == 6543 and url.project is not None:
        raise RunbookError(
            "PG-009",
            "the direct URL has port 6543, the transaction pooler's",
            why="migrations hold a lock for a whole session, which a transaction pooler breaks",
            next=f"use db.{url.project}.supabase.co:5432 (without IPv6: the session pooler, port 5432)",
        )
    return url


def pooled(value: Secret) -> PgUrl:
    """Parse a URL that goes through the transaction pooler.

    Raises:
        RunbookError: PG-001 ... PG-010, saying what was pasted and what is wanted instead.
    """
    url = parse(value)
    if url.port != 6543 and url.project is not None:
        kind = "session pooler" if url.host.endswith(_POOLER) else "direct connection"
        raise RunbookError(
            "PG-009",
            f"the pooled URL has port {url.port}, the {kind}'s",
            why="each process would hold its connections for good, and the shared database has few",
            next="use port 6543: Supabase, Connect, Transaction pooler",
        )
    return url


def same_project(direct: PgUrl, pooled: PgUrl) -> None:
    """Refuse two URLs that lead to two projects.

    Raises:
        RunbookError: PG-011.
    """
    if None not in (direct.project, pooled.project) and direct.project != pooled.project:
        raise RunbookError(
            "PG-011",
            f"the direct URL leads to project {direct.project}, the pooled one to {pooled.project}",
            why="migrations would go to one database and Langfuse to the other",
            next="copy both from the same project's Connect page",
        )


def parse(value: Secret) -> PgUrl:
    """Parse a libpq URL, refusing what is usually pasted wrongly; no message quotes user or password.

    Raises:
        RunbookError: PG-001 ... PG-008, PG-010.
    """
    text = value.reveal()
    if re.match(r"https?://", text):
        raise RunbookError(
            "PG-002",
            "this is the address of a web page or API, not of a database",
            why="Supabase's project URL starts with https://, its database's with postgresql://",
            next="Supabase, your project, Connect: copy the connection string",
        )
    scheme = re.match(r"postgres(?:ql)?://", text)
    if not scheme:
        raise RunbookError("PG-001", "this is not a postgresql:// URL", next=_FORM)
    rest = text[scheme.end() :]
    if _has_placeholder(rest):
        raise RunbookError(
            "PG-003",
            "a placeholder was left in the URL",
            why="something like [YOUR-PASSWORD] still stands where a value belongs",
            next="put the real value in its place, without brackets",
        )
    if rest.count("@") > 1 or re.search(r"\s|#|%(?![0-9A-Fa-f]{2})", rest):
        raise _unencoded()
    authority, _, tail = _cut(rest)
    if "@" not in authority:
        if "@" in rest:
            raise _unencoded()
        raise RunbookError("PG-004", "the URL names no user and no password", next=_FORM)
    userinfo, _, netloc = authority.rpartition("@")
    user, colon, password = userinfo.partition(":")
    if not user or not colon or not password:
        raise RunbookError("PG-004", f"the URL names no {'user' if not user else 'password'}", next=_FORM)
    host, port = _host_port(netloc)
    path, _, query = tail.partition("?")
    database = unquote(path)
    if not database or "/" in database:
        raise RunbookError("PG-004", "the URL names no database", why="Supabase's is 'postgres'", next=_FORM)
    url = PgUrl(unquote(user), Secret(unquote(password)), host, port, database, _sslmode(query, host))
    _check_supabase(url)
    return url


_FORM = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE, as Supabase's Connect page shows it"


def _has_placeholder(rest: str) -> bool:
    """Whether some part of a URL (behind its scheme) still is what a template had there."""
    userinfo, at, place = rest.rpartition("@")
    if not at:
        return bool(_NO_NAME.search(rest))
    user, _, password = userinfo.partition(":")
    left = _NO_PASSWORD.fullmatch(password) or _ENCODED.fullmatch(unquote(password))
    return bool(left or _NO_NAME.search(user) or _NO_NAME.search(place))


def _cut(rest: str) -> tuple[str, str, str]:
    match = re.search(r"[/?]", rest)
    if match is None:
        return rest, "", ""
    tail = rest[match.end() :] if match.group() == "/" else rest[match.start() :]
    return rest[: match.start()], match.group(), tail


def _unencoded() -> RunbookError:
    return RunbookError(
        "PG-005",
        "a special character in the password is not encoded",
        why="in a URL the characters @ / ? # % and space must be written as %40 %2F %3F %23 %25 %20",
        next="encode them, or give the database a password of letters and digits",
    )


def _host_port(netloc: str) -> tuple[str, int]:
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9._-]+))(?::([0-9]+))?", netloc)
    port = int(match.group(3) or 5432) if match else 0
    if match is None or not 0 < port < 65536:
        raise RunbookError(
            "PG-001",
            "host and port of the URL cannot be read",
            why="either the host is missing, or a special character in the password is not encoded",
            next=_FORM,
        )
    return (match.group(1) or match.group(2)).lower(), port


def _sslmode(query: str, host: str) -> str:
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    for name in parameters:
        if name in _PRISMA:
            raise RunbookError(
                "PG-006",
                f"the URL has '{name}=', which is Prisma's and which libpq refuses",
                why="the runbook builds Prisma's form itself",
                next=f"take '{name}=' out",
            )
        if name != "sslmode":
            raise RunbookError("PG-006", "the URL has a parameter other than sslmode", next="take it out")
    private = host in ("localhost", "127.0.0.1", "::1") or host.endswith((".internal", ".flycast"))
    sslmode = parameters.get("sslmode", "prefer" if private else "require")
    if sslmode not in _SSLMODES:
        raise RunbookError("PG-006", "the URL's sslmode is none of libpq's", next="sslmode=require")
    if not private and sslmode in ("disable", "allow", "prefer"):
        raise RunbookError(
            "PG-007",
            f"sslmode={sslmode} would let the connection to {host} go unencrypted",
            why="the password and every row would cross the internet in clear",
            next="sslmode=require, or leave it out",
        )
    return sslmode


def _check_supabase(url: PgUrl) -> None:
    api = _API.fullmatch(url.host)
    if api and not url.host.endswith(_POOLER):
        raise RunbookError(
            "PG-008",
            f"{url.host} is the project's API, not its database",
            why="the database's host begins with db.",
            next=f"use db.{api.group(1)}.supabase.co",
        )
    if url.host.endswith(_POOLER) and not re.fullmatch(r".+\.[a-z0-9-]+", url.user):
        raise RunbookError(
            "PG-010",
            "the pooler's URL has a user without the project's reference",
            why="the pooler serves many projects and tells them apart by the user",
            next="use postgres.PROJECTREF as user",
        )
    if _DIRECT.fullmatch(url.host) and url.user.endswith(f".{url.project}"):
        raise RunbookError(
            "PG-010",
            "the direct URL's user ends with the project's reference",
            why="that is the pooler's form; the database itself knows no such role",
            next=f"use {url.user.rpartition('.')[0]} as user",
        )
