"""Making schema and role as wanted: the statements, run inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ops.runbook.secret import Secret
from ops.services.postgres import survey
from ops.services.postgres.survey import SEED_GRANTEE, SETTINGS, strays

if TYPE_CHECKING:
    import psycopg


def make(connection: psycopg.Connection[Any], facts: dict[str, Any], schema: str, role: str, password: Secret) -> None:
    """Bring role and schema from what `facts` says to what is wanted.

    Args:
        connection: inside a transaction, as the administrator.
        facts: of the survey in that same transaction.
        schema, role: their names.
        password: what the role is to open with.

    Raises:
        psycopg.Error: as the database refuses.
    """
    from psycopg import sql

    def run(text: str, **names: sql.Composable) -> None:
        connection.execute(sql.SQL(text).format(role=sql.Identifier(role), schema=sql.Identifier(schema), **names))

    # The verifier, not the password, goes to the server, whose log may keep statements.
    verifier = connection.pgconn.encrypt_password(password.reveal().encode(), role.encode(), b"scram-sha-256").decode()
    verb = "ALTER" if facts["role"] else "CREATE"
    run(verb + " ROLE {role} LOGIN PASSWORD {verifier}", verifier=sql.Literal(verifier))
    _join(connection, facts["version"], role, run)
    for privilege in ("connect", "temporary"):
        row = connection.execute(
            "SELECT has_database_privilege(%s, current_database(), %s)", (role, privilege)
        ).fetchone()
        if row is None or not row[0]:
            run(
                "GRANT " + privilege.upper() + " ON DATABASE {db} TO {role}",
                db=sql.Identifier(connection.info.dbname),
            )
    if not facts["schema"]:
        run("CREATE SCHEMA {schema} AUTHORIZATION {role}")
    elif not facts["mine"]:
        run("ALTER SCHEMA {schema} OWNER TO {role}")
    for name, want in SETTINGS.items():
        run(
            "ALTER ROLE {role} IN DATABASE {db} SET {name} TO {value}",
            db=sql.Identifier(connection.info.dbname),
            name=sql.Identifier(name),
            value=sql.Identifier(want.format(schema=schema)),
        )
    # Read again: something in the database may open a new schema to others, an event trigger for instance.
    for who in strays(survey.facts(connection, schema, role)):
        # As the server quoted it: PUBLIC, or a role's name ready for SQL.
        run("REVOKE ALL ON SCHEMA {schema} FROM {who}", who=sql.SQL(who))
    if facts["seed_grantee"] and role != SEED_GRANTEE:
        run("GRANT USAGE ON SCHEMA {schema} TO {who}", who=sql.Identifier(SEED_GRANTEE))
        run("GRANT ALL ON SCHEMA {schema} TO {who}", who=sql.Identifier(SEED_GRANTEE))


def _join(connection: psycopg.Connection[Any], version: int, role: str, run: Callable[..., None]) -> None:
    """Let an administrator who is no superuser hand the schema to the role: that takes being its member."""
    row = connection.execute("SELECT rolsuper, rolname FROM pg_roles WHERE rolname = current_user").fetchone()
    if row is None or row[0]:
        return
    # From 16 on a new role's maker is its administrator, and must still give itself the use of it.
    run("GRANT {role} TO CURRENT_USER" + (" WITH INHERIT TRUE, SET TRUE" if version >= 160000 else ""))
