"""What is there of our schema and role, compared with what is wanted. Reads only, one round trip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.runbook.errors import RunbookError

if TYPE_CHECKING:
    import psycopg

SEED_GRANTEE = "postgres"  # the seed grants our schema to this role
SETTINGS = {"search_path": "{schema}", "TimeZone": "UTC"}

# Everything a look needs, in one round trip. The role may not exist yet, hence the LEFT JOIN.
_SURVEY = """
SELECT jsonb_build_object(
  'version', current_setting('server_version_num')::int,
  'role', r.oid IS NOT NULL,
  'login', r.rolcanlogin,
  'powers', array_remove(ARRAY[
      CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
      CASE WHEN r.rolcreatedb THEN 'CREATEDB' END, CASE WHEN r.rolreplication THEN 'REPLICATION' END,
      CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END], NULL)
    || ARRAY(SELECT 'member of ' || g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
             WHERE m.member = r.oid ORDER BY 1),
  'settings', coalesce((SELECT to_jsonb(s.setconfig) FROM pg_db_role_setting s
      WHERE s.setrole = r.oid AND s.setdatabase = d.oid), '[]'::jsonb),
  'connect', has_database_privilege(r.oid, d.oid, 'CONNECT'),
  'temporary', has_database_privilege(r.oid, d.oid, 'TEMPORARY'),
  'creates_in', ARRAY(SELECT nspname FROM pg_namespace o WHERE o.nspname <> %(schema)s AND o.nspname !~ '^pg_'
      AND has_schema_privilege(r.oid, o.oid, 'CREATE') ORDER BY 1),
  'reads', (SELECT count(*) FROM pg_class c JOIN pg_namespace o ON o.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND o.nspname !~ '^pg_'
      AND o.nspname NOT IN (%(schema)s, 'information_schema') AND has_schema_privilege(r.oid, o.oid, 'USAGE')
      AND has_table_privilege(r.oid, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')),
  'schema', n.oid IS NOT NULL,
  'owner', n.nspowner::regrole::text,
  'mine', n.nspowner = r.oid,
  'admins', n.nspowner = (SELECT oid FROM pg_roles WHERE rolname = current_user),
  'content', ARRAY(SELECT DISTINCT relowner::regrole::text FROM pg_class WHERE relnamespace = n.oid
      UNION SELECT proowner::regrole::text FROM pg_proc WHERE pronamespace = n.oid
      UNION SELECT typowner::regrole::text FROM pg_type WHERE typnamespace = n.oid ORDER BY 1),
  'role_quoted', r.oid::regrole::text,
  'schema_quoted', quote_ident(%(schema)s),
  'grants', (SELECT jsonb_agg(DISTINCT CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END)
      FROM aclexplode(n.nspacl) a WHERE a.grantee <> n.nspowner),
  'seed_grantee', p.oid IS NOT NULL,
  'seed_granted', p.oid = n.nspowner OR (SELECT count(*) = 2 FROM aclexplode(n.nspacl) a WHERE a.grantee = p.oid)
)
FROM pg_database d
LEFT JOIN pg_roles r ON r.rolname = %(role)s
LEFT JOIN pg_namespace n ON n.nspname = %(schema)s
LEFT JOIN pg_roles p ON p.rolname = %(grantee)s
WHERE d.datname = current_database()
"""


@dataclass(frozen=True)
class Plan:
    """What a look found against what is wanted.

    Attributes:
        missing: nothing of it is there.
        differences: readable `have → want` lines; empty where all is as wanted.
        warnings: what is not ours to change and worth knowing.
    """

    missing: bool
    differences: tuple[str, ...]
    warnings: tuple[str, ...]


def facts(connection: psycopg.Connection[Any], schema: str, role: str) -> dict[str, Any]:
    """Read everything about Langfuse's schema and role that a look compares, in one query; changes nothing.

    Raises:
        RunbookError: PG-025 the query returned no row.
        psycopg.Error: as the database fails.
    """
    row = connection.execute(_SURVEY, {"schema": schema, "role": role, "grantee": SEED_GRANTEE}).fetchone()
    if row is None:
        raise RunbookError("PG-025", "the database does not know itself", next="try again")
    found: dict[str, Any] = row[0]
    return found


def compare(facts: dict[str, Any], schema: str, role: str) -> Plan:
    """What is to be changed; refuses to touch what belongs to somebody else.

    Args:
        facts: as `facts` has read them.
        schema: Langfuse's.
        role: Langfuse's.

    Raises:
        RunbookError: PG-021 the schema is another's, PG-022 it holds objects of another, PG-026 the role has more
            privileges than it is to have.
    """
    if facts["schema"]:
        strangers = [owner for owner in facts["content"] if owner != facts["role_quoted"]]
        if strangers:
            raise RunbookError(
                "PG-022",
                f"schema {schema} holds objects of {', '.join(strangers)}",
                why=f"it is to hold nothing but what {role} makes; nothing was changed",
                next="give another name as postgres.schema in ops/stack.toml, or have them removed",
            )
        if not facts["mine"] and not facts["admins"]:
            raise RunbookError(
                "PG-021",
                f"schema {schema} belongs to {facts['owner']}",
                why="somebody else made it; nothing was changed",
                next="give another name as postgres.schema in ops/stack.toml, or have it removed",
            )
    if facts["role"] and facts["powers"]:
        raise RunbookError(
            "PG-026",
            f"role {role} is there, with more than we ask for: {', '.join(facts['powers'])}",
            why="it was made by somebody else, or given powers since; nothing was changed",
            next="give another name as postgres.role in ops/stack.toml, or take the powers away",
        )
    lines = []
    if not facts["role"]:
        lines.append(f"role {role}: not there → with login")
    elif not facts["login"]:
        lines.append(f"role {role}: without login → with login")
    if not facts["schema"]:
        lines.append(f"schema {schema}: not there → owned by {role}")
    elif not facts["mine"]:
        lines.append(f"owner of schema {schema}: {facts['owner']} → {role}")
    if facts["role"]:
        for name, want in SETTINGS.items():
            # The catalog keeps the value as SQL writes it.
            if f"{name}={want.format(schema=facts['schema_quoted'])}" not in facts["settings"]:
                lines.append(f"{name} of the role: not set → {want.format(schema=schema)}")
        lines += [f"{word.upper()} on the database: no → yes" for word in ("connect", "temporary") if not facts[word]]
    if facts["schema"]:
        if facts["seed_grantee"] and not facts["seed_granted"]:
            lines.append(f"grant on the schema to {SEED_GRANTEE}: no → yes")
        lines += [f"grant on the schema to {who}: yes → no" for who in strays(facts)]
    warnings = []
    if facts["creates_in"]:
        warnings.append(f"the database lets everybody create in {', '.join(facts['creates_in'])} (left as it is)")
    if facts["reads"]:
        warnings.append(f"the database lets everybody use {facts['reads']} of others' tables and views (left as it is)")
    return Plan(not facts["role"] and not facts["schema"], tuple(lines), tuple(warnings))


def strays(facts: dict[str, Any]) -> list[str]:
    """Who has rights on our schema without need; quoted as SQL wants it."""
    return [who for who in facts["grants"] or [] if who != SEED_GRANTEE]
