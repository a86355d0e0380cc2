"""Step 1.3: one schema of our own in a shared database, and a role that reaches it and nothing else.

Everything happens in one transaction, between two fingerprints of all other schemas; if those differ, it is
rolled back. `public` is not even tidied: where its grants let everybody create in it, that is said, not changed.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.files import write_atomic
from ops.runbook.secret import Secret
from ops.runbook.step import Look, Say, drifted, missing, satisfied, unknown
from ops.services.postgres import fingerprint, survey
from ops.services.postgres.make import make
from ops.services.postgres.session import STATEMENT_TIMEOUT, connect_error, session
from ops.vault import postgres_urls as urls

if TYPE_CHECKING:
    from ops.description.stack import Postgres
    from ops.vault import Vault

FINGERPRINT = "fingerprint.json"
VERSION = 3  # of that file: raised when the fingerprint sees more
CONSUMER = "postgres"  # under this name the vault remembers which password the role was given


def look(want: Postgres, vault: Vault) -> Look:
    """The schema, the role and its rights against what is wanted; then whether the vault's password opens them.

    Raises:
        RunbookError: PG-0xx where the URL or the connection is no good, PG-021, PG-022 or PG-026 where what is
            there belongs to somebody else.
    """
    for name in ("SUPABASE_DIRECT_URL", "LANGFUSE_DB_PASSWORD"):
        if not vault.has(name):
            return unknown(f"{name} is not in the vault yet", until="1.2")
    admin = urls.direct(vault.get("SUPABASE_DIRECT_URL"))
    password = vault.get("LANGFUSE_DB_PASSWORD")
    with session(admin) as connection:
        facts = survey.facts(connection, want.schema, want.role)
    plan = survey.compare(facts, want.schema, want.role)
    place = f"schema {want.schema} at {admin.where}"
    if plan.missing:
        return missing(f"neither {place} nor role {want.role} is there")
    differences = list(plan.differences)
    # The digest is asked before the server: Supabase bans addresses after failed logins.
    if facts["role"] and password_pending(vault):
        differences.append("password of the role: not known to be the vault's → the vault's")
    elif facts["role"] and not differences:
        differences += _try_login(admin, want.schema, want.role, password)
    if differences:
        return drifted(f"{place}: {len(differences)} differences", diff="\n".join(differences))
    return satisfied(
        "; ".join([f"{place}, owned by {want.role}, which opens with the vault's password", *plan.warnings])
    )


def password_pending(vault: Vault) -> bool:
    """Whether the role may not have the vault's password yet."""
    return bool(vault.pending(CONSUMER, {"LANGFUSE_DB_PASSWORD": vault.get("LANGFUSE_DB_PASSWORD")}))


def act(want: Postgres, vault: Vault, state: Path, say: Say) -> None:
    """Make schema and role as wanted, in one transaction that touches nothing else.

    Raises:
        RunbookError: PG-020 another schema would have changed (rolled back); as `look` otherwise.
    """
    admin = urls.direct(vault.get("SUPABASE_DIRECT_URL"))
    password = vault.get("LANGFUSE_DB_PASSWORD")
    with session(admin) as connection:
        from psycopg import IsolationLevel

        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'")
        connection.execute("SET LOCAL lock_timeout = '5s'")
        before = fingerprint.take(connection, want.schema, want.role)
        say(f"fingerprint of {len(before.schemas)} other schemas taken ({len(before.objects)} objects)")
        facts = survey.facts(connection, want.schema, want.role)
        survey.compare(facts, want.schema, want.role)
        make(connection, facts, want.schema, want.role, password)
        after = fingerprint.take(connection, want.schema, want.role)
        changed = before.difference(after)
        if changed:
            raise RunbookError(
                "PG-020",
                f"making schema {want.schema} would have changed other schemas: {'; '.join(changed[:5])}",
                why="something in the database reacts to it, an event trigger for instance; all was rolled back",
                next="look at it with whoever runs the database (select * from pg_event_trigger)",
            )
        connection.commit()
    say(f"{len(after.schemas)} other schemas are as they were")
    _record(state / FINGERPRINT, want.schema, admin, after)
    vault.mark_sent(CONSUMER, {"LANGFUSE_DB_PASSWORD": password})


def changed_since(want: Postgres, vault: Vault, state: Path) -> tuple[str, ...]:
    """Which other schemas have changed since step 1.3 was last done here, by whoever; empty for none.

    Raises:
        RunbookError: PG-027 when there is no fingerprint to compare with.
    """
    file = state / FINGERPRINT
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        if kept["version"] != VERSION:
            raise ValueError("it saw fewer kinds of objects")
        recorded: dict[str, str] = kept["schemas"]
    except (OSError, ValueError, KeyError, TypeError):
        raise RunbookError(
            "PG-027",
            "there is no fingerprint of the other schemas to compare with",
            why="it is taken when step 1.3 changes something, on the machine that does it",
        ) from None
    admin = urls.direct(vault.get("SUPABASE_DIRECT_URL"))
    with session(admin) as connection:
        now = fingerprint.take(connection, want.schema, want.role).digests
    return tuple(name for name in sorted(recorded.keys() | now.keys()) if recorded.get(name) != now.get(name))


def _try_login(admin: urls.PgUrl, schema: str, role: str, password: Secret) -> list[str]:
    """What is wrong with the role's own connection; empty when it opens and lands in the schema."""
    import psycopg

    url = admin.as_role(role, password)
    try:
        connection = psycopg.connect(**url.connect(), connect_timeout=10)  # type: ignore[arg-type]
    except psycopg.OperationalError as error:
        reason = connect_error(url, error)
        if reason.code != "PG-030":
            raise reason from None
        return ["password of the role: not the vault's → the vault's"]
    with connection:
        row = connection.execute("SELECT current_schema()").fetchone()
    landed = row[0] if row else None
    return [] if landed == schema else [f"schema the role lands in: {landed} → {schema}"]


def _record(file: Path, schema: str, admin: urls.PgUrl, after: fingerprint.Fingerprint) -> None:
    """Keep the fingerprint, so that later looks can tell whether other schemas have changed since."""
    content = {
        "version": VERSION,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "where": admin.where,
        "own_schema": schema,
        "objects": len(after.objects),
        "schemas": after.digests,
    }
    write_atomic(file, json.dumps(content, indent=2) + "\n", 0o600)
