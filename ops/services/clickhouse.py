"""ClickHouse: scripts for its own client inside its own machine, and reading what they answer.

The scripts take the passwords from the machine's variables, so none is in a command line, a request or our memory.
Rights for a user that is not the administrator: what Langfuse documents, what its migrations were seen to need besides
(0048 changes settings, `20260701_v4_step_2` holds merges), and altering whole, since its next version may need more.
All of it is within its own database.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ops.runbook.errors import RunbookError
from ops.runbook.secret import redactor

ADMIN = "admin"

# On its own database.
RIGHTS = (
    "SELECT",
    "INSERT",
    "ALTER TABLE",
    "ALTER VIEW",
    "CREATE TABLE",
    "CREATE VIEW",
    "DROP TABLE",
    "DROP VIEW",
    "TRUNCATE",
    "OPTIMIZE",
    # Its background migrations of version 4 stop and start merges of the tables they fill.
    "SYSTEM MERGES",
)

# SELECT on these, and on nothing else of the server's own.
SYSTEM_TABLES = ("parts", "mutations", "tables", "columns", "processes", "query_log", "disks")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# The app's variables; where the command was not given them, they are read from the server's own environment.
_PROLOGUE = """set -eu
variable() {
    eval "value=\\${$1:-}"
    if [ -z "$value" ]; then
        for file in /proc/[0-9]*/environ; do
            value=$(tr '\\0' '\\n' 2>/dev/null <"$file" | sed -n "s/^$1=//p") || :
            [ -z "$value" ] || break
        done
    fi
    [ -n "$value" ] || { echo "$1 is not set in this machine" >&2; exit 3; }
}
variable CLICKHOUSE_ADMIN_PASSWORD; admin=$value
variable CLICKHOUSE_PASSWORD; own=$value
client() { CLICKHOUSE_USER=$1 CLICKHOUSE_PASSWORD=$2 clickhouse-client --multiquery --format TSVRaw; }
"""


@dataclass(frozen=True)
class Report:
    """What a look script found.

    Attributes:
        version: the server's; database, user: whether they are there.
        opens: whether the user's password is the machine's.
        lacking: rights it does not have; beyond: grants that reach further than its database.
    """

    version: str = ""
    database: bool = False
    user: bool = False
    opens: bool = False
    lacking: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()

    def differences(self) -> list[str]:
        """What is not as wanted, line by line."""
        if not self.database or not self.user:
            absent = [word for word, there in (("database", self.database), ("user", self.user)) if not there]
            return [f"{word}: not there → there" for word in absent]
        lines = [] if self.opens else ["the user's password: not the vault's → the vault's"]
        lines += [f"right {right}: lacking → granted" for right in self.lacking]
        return lines + [f"grant {grant}: there → revoked" for grant in self.beyond]


def look_script(database: str, user: str) -> str:
    """Reads whether database, user and rights are there. Changes nothing."""
    d, u = _checked(database), _checked(user)
    tables = ", ".join(f"'{table}'" for table in SYSTEM_TABLES)
    rights = ", ".join(f"'{right}'" for right in RIGHTS)
    within = f"database = '{d}' OR (database = 'system' AND table IN ({tables}) AND access_type = 'SELECT')"
    # Names are checked, the rest is ours.
    return f"""{_PROLOGUE}client {ADMIN} "$admin" <<'SQL'
SELECT 'version', version();
SELECT 'database', count() FROM system.databases WHERE name = '{d}';
SELECT 'user', count() FROM system.users WHERE name = '{u}';
SELECT 'lacking', arrayJoin(arrayFilter(r -> NOT has((SELECT groupArray(toString(access_type)) FROM system.grants
    WHERE user_name = '{u}' AND database = '{d}' AND table IS NULL AND NOT is_partial_revoke), r), [{rights}]));
SELECT 'lacking', concat('SELECT ON system.', arrayJoin(arrayFilter(t -> NOT has((SELECT groupArray(ifNull(table, ''))
    FROM system.grants WHERE user_name = '{u}' AND database = 'system' AND access_type = 'SELECT'), t), [{tables}])));
SELECT 'beyond', concat(toString(access_type), ' ON ', ifNull(database, '*'), '.', ifNull(table, '*'))
    FROM system.grants WHERE user_name = '{u}' AND NOT ifNull({within}, 0);
SQL
if printf 'SELECT 1;' | client {u} "$own" >/dev/null 2>&1; then printf 'opens\\t1\\n'; else printf 'opens\\t0\\n'; fi
"""  # noqa: S608


def make_script(database: str, user: str) -> str:
    """Makes database and user as wanted, and takes away what reaches further; can be repeated."""
    d, u = _checked(database), _checked(user)
    tables = "\n".join(f"GRANT SELECT ON system.{table} TO {u};" for table in SYSTEM_TABLES)
    # The shell's printf is its own: the password stands in no process's arguments. It is letters and digits only.
    return f"""{_PROLOGUE}{{ cat <<'SQL'
CREATE DATABASE IF NOT EXISTS {d};
SQL
printf "CREATE USER IF NOT EXISTS {u} IDENTIFIED WITH sha256_password BY '%s';\\n" "$own"
printf "ALTER USER {u} IDENTIFIED WITH sha256_password BY '%s';\\n" "$own"
cat <<'SQL'
ALTER USER {u} DEFAULT DATABASE {d};
REVOKE ALL ON *.* FROM {u};
GRANT {", ".join(RIGHTS)} ON {d}.* TO {u};
{tables}
SQL
}} | client {ADMIN} "$admin"
"""


def read(stdout: str) -> Report:
    """What a look script printed."""
    rows = [line.split("\t", 1) for line in stdout.splitlines() if "\t" in line]

    def one(key: str) -> str:
        return next((value for name, value in rows if name == key), "")

    def every(key: str) -> tuple[str, ...]:
        return tuple(value for name, value in rows if name == key and value)

    return Report(
        version=one("version"),
        database=one("database") == "1",
        user=one("user") == "1",
        opens=one("opens") == "1",
        lacking=every("lacking"),
        beyond=every("beyond"),
    )


def last_line(text: str) -> str:
    """What a failed client said, redacted."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return redactor(lines[-1][:300]) if lines else ""


def _checked(name: str) -> str:
    """A name that needs no quoting, in SQL and in the shell."""
    if not _NAME.fullmatch(name):
        raise RunbookError(
            "CH-002",
            f"{name!r} is no name for a ClickHouse database or user",
            why="letters, digits and _ only: it stands in SQL and in URLs",
            next="edit ops/stack.toml",
        )
    return name
