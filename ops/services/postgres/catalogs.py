"""The query of the fingerprint, made from what the server says of its own catalogs.

All of them are read, also those of a release that nobody here has seen: which columns a catalog has, which of them
may be read and what they refer to is asked of the server. Named below is only what changes without anybody's doing,
what all may see of what few may read, and what is called otherwise than its catalog. Of what is not literal here, the
query holds the names of the server's own catalogs and columns and nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ops.description.typed import convert

if TYPE_CHECKING:
    import psycopg

WIDE = "(database)"
"""Stands for a schema's name where an object belongs to the database as a whole, or to the system's schemas."""
PASSING = ("rows", "contents", "large object")
"""Kinds that are told within a transaction, and not later: the work of a shop changes them all day."""

# Vacuum, analyze, ordinary writes and the server's own workers change these in place.
_VOLATILE = {
    "pg_attribute": {"atthasmissing", "attmissingval"},
    "pg_class": {
        "relfilenode", "relpages", "reltuples", "relallvisible", "relallfrozen", "relfrozenxid", "relminmxid",
        "relhasindex", "relhasrules", "relhastriggers", "relhassubclass", "reltoastrelid", "relrewrite",
    },
    "pg_collation": {"collversion"},
    "pg_database": {"datfrozenxid", "datminmxid", "datcollversion", "datacl"},
    "pg_index": {"indcheckxmin"},
    "pg_subscription": {"subskiplsn"},
    "pg_subscription_rel": {"srsubstate", "srsublsn"},
}  # fmt: skip
# Derived from the others, or rows of data.
_NOT_READ = ("pg_shdepend", "pg_statistic", "pg_statistic_ext_data", "pg_largeobject")
# What all may see of a catalog that few may read: the same without the secrets.
_VIEWS = {"pg_authid": "pg_roles", "pg_user_mapping": "pg_user_mappings"}
# Which of the rows; what we make of our own role is no change.
_ROLE = "(SELECT oid FROM pg_roles WHERE rolname = %(role)s)"
_HERE = "(SELECT oid FROM pg_database WHERE datname = current_database())"
_SHARED = f"x.objoid IS DISTINCT FROM {_ROLE} AND (x.classoid <> 'pg_database'::regclass OR x.objoid = {_HERE})"
_ROWS = {
    "pg_attribute": "x.attnum > 0",
    "pg_auth_members": f"x.roleid IS DISTINCT FROM {_ROLE}",
    "pg_database": "x.datname = current_database()",
    "pg_db_role_setting": f"x.setrole IS DISTINCT FROM {_ROLE} AND x.setdatabase IN (0, {_HERE})",
    "pg_default_acl": f"x.defaclrole IS DISTINCT FROM {_ROLE}",
    "pg_depend": "x.deptype IN ('e', 'x')",
    "pg_roles": f"x.oid IS DISTINCT FROM {_ROLE}",
    "pg_shdescription": _SHARED,
    "pg_shseclabel": _SHARED,
}
# What is read beside a catalog's columns, or in the place of one.
_MORE = {
    "pg_database": "(SELECT string_agg(a::text, ';' ORDER BY a::text)"
    " FROM aclexplode(coalesce(x.datacl, acldefault('d', x.datdba))) a"
    f" WHERE a.grantee IS DISTINCT FROM {_ROLE})",
}
# The system's own views are long.
_INSTEAD = {"ev_action": "CASE WHEN x.oid < 16384 THEN pg_column_size(x.ev_action)::text ELSE x.ev_action::text END"}
_KINDS = {
    "pg_am": "access method",
    "pg_auth_members": "membership",
    "pg_class": "relation",
    "pg_db_role_setting": "setting",
    "pg_default_acl": "default grants",
    "pg_depend": "membership in an extension",
    "pg_description": "comment",
    "pg_event_trigger": "event trigger",
    "pg_foreign_data_wrapper": "foreign data wrapper",
    "pg_foreign_server": "foreign server",
    "pg_init_privs": "initial grants",
    "pg_largeobject_metadata": "large object",
    "pg_namespace": "schema",
    "pg_opclass": "operator class",
    "pg_opfamily": "operator family",
    "pg_parameter_acl": "grants on a parameter",
    "pg_proc": "function",
    "pg_replication_origin": "replication origin",
    "pg_roles": "role",
    "pg_seclabel": "security label",
    "pg_shdescription": "comment",
    "pg_shseclabel": "security label",
    "pg_statistic_ext": "statistics",
    "pg_ts_config": "text search",
    "pg_ts_dict": "text search",
    "pg_ts_parser": "text search",
    "pg_ts_template": "text search",
    "pg_user_mappings": "user mapping",
}
_NAMES = {
    "pg_auth_members": "x.roleid::regrole::text || ' to ' || x.member::regrole::text",
    "pg_cast": "(SELECT typname FROM pg_type WHERE oid = x.castsource) || ' to '"
    " || (SELECT typname FROM pg_type WHERE oid = x.casttarget)",
    "pg_database": "'rights'",
    "pg_db_role_setting": "CASE x.setrole WHEN 0 THEN 'of all' ELSE 'of ' || x.setrole::regrole::text END",
    "pg_default_acl": "CASE x.defaclnamespace WHEN 0 THEN x.defaclrole::regrole::text || ' ' ELSE '' END"
    " || x.defaclobjtype::text",
    "pg_largeobject_metadata": "x.oid::text",
    "pg_user_mappings": "coalesce(x.usename::text, 'public') || ' on ' || x.srvname::text",
}
# These have a name of their own, and are told as a part of their relation.
_PARTS = ("pg_attribute", "pg_rewrite")

# Compiling so long a query, as some servers would, takes longer than running it.
_CATALOGS = """
SELECT set_config('jit', 'off', true), jsonb_object_agg(c.relname, jsonb_build_object(
  'columns', (SELECT jsonb_object_agg(a.attname, a.atttypid::regtype::text) FROM pg_attribute a
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND has_column_privilege(c.oid, a.attnum, 'SELECT')),
  'keys', coalesce((SELECT jsonb_agg(jsonb_build_array(k.fkcols[1], k.pktable::text) ORDER BY a.attnum)
      FROM pg_get_catalog_foreign_keys() k JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = k.fkcols[1]
      WHERE k.fktable = c.oid AND NOT k.is_array AND NOT k.is_opt AND cardinality(k.fkcols) = 1), '[]'),
  'space', (SELECT k.fkcols[1] FROM pg_get_catalog_foreign_keys() k
      WHERE k.fktable = c.oid AND k.pktable = 'pg_namespace'::regclass AND k.fkcols[1] LIKE '%%namespace')))
FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace
  AND (c.relkind = 'r' OR c.relname = ANY(%(views)s)) AND c.relname <> ALL(%(left_out)s)
"""

_SPACES = """
SELECT oid, nspname::text AS name, nspname IN ('pg_catalog', 'information_schema') AS is_system FROM pg_namespace
WHERE nspname <> %(own)s AND nspname !~ '^pg_(toast|temp)'
"""

# How many rows this very transaction has written, by the server's own count; and which relations have new files.
_DATA = """
SELECT CASE WHEN c.relname = 'pg_largeobject' THEN 0 ELSE c.relnamespace END, 'rows', c.relname::text, w.written
FROM pg_class c CROSS JOIN LATERAL (SELECT pg_stat_get_xact_tuples_inserted(c.oid)
  + pg_stat_get_xact_tuples_updated(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid) AS written) w
WHERE c.relkind = 'r' AND w.written > 0
  AND (c.oid = 'pg_largeobject'::regclass OR c.relnamespace IN (SELECT oid FROM spaces WHERE NOT is_system))
UNION ALL
SELECT relnamespace, 'contents', relname::text, relfilenode::int8
FROM pg_class WHERE relkind IN ('r', 'm', 'S') AND relnamespace IN (SELECT oid FROM spaces WHERE NOT is_system)
"""

# Of the system's schemas, a digest for each kind: nobody asks which of thousands. The sum needs no order.
_WHOLE = """
WITH spaces AS ({spaces})
SELECT CASE WHEN f.space = 0 OR s.is_system THEN %(wide)s ELSE s.name END, f.kind,
  CASE WHEN s.is_system THEN s.name ELSE f.name END, count(*)::text || '-' || sum(f.fact)::text
FROM (
{catalogs}UNION ALL
{data}) f(space, kind, name, fact) LEFT JOIN spaces s ON s.oid = f.space
GROUP BY 1, 2, 3
"""


class _Catalog(msgspec.Struct, frozen=True):
    """A catalog as the server describes it.

    Attributes:
        columns: the readable ones, with their types.
        keys: columns that refer to another catalog's row, in order.
        space: the column that says which schema an object is in, where there is one.
    """

    columns: dict[str, str]
    keys: tuple[tuple[str, str], ...]
    space: str | None

    @property
    def label(self) -> str | None:
        """The column that holds an object's name."""
        return next((it for it, kind in self.columns.items() if it.endswith("name") and kind in ("name", "text")), None)


def query(connection: psycopg.Connection[Any]) -> str:
    """The fingerprint's query for this server; its parameters are `own`, `role` and `wide`. Raises psycopg.Error."""
    left_out = [*_NOT_READ, *_VIEWS]
    row = connection.execute(_CATALOGS, {"views": [*_VIEWS.values()], "left_out": left_out}).fetchone()
    found = convert(row[1] if row else {}, dict[str, _Catalog])
    parts = [_part(name, found) for name, it in sorted(found.items()) if it.columns]
    return _WHOLE.format(spaces=_SPACES, catalogs="UNION ALL\n".join(parts), data=_DATA)


def _part(name: str, found: dict[str, _Catalog]) -> str:
    """What reads one catalog: schema, kind, name and facts of each row."""
    catalog = found[name]
    read = [_INSTEAD.get(it, f"x.{it}") for it in catalog.columns if it not in _VOLATILE.get(name, ())]
    fact = f"hashtextextended(ROW({', '.join([*read, *([_MORE[name]] if name in _MORE else [])])})::text, 0)"
    space, kind, label, joined = _place(name, found)
    wanted = [_ROWS[name]] if name in _ROWS else []
    if space != "0":
        wanted.append(f"({space} = 0 OR {space} IN (SELECT oid FROM spaces))")
    where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
    return f"SELECT {space}, {kind}, {label}, {fact} FROM {name} x{joined}{where}\n"


def _place(name: str, found: dict[str, _Catalog]) -> tuple[str, str, str, str]:
    """Expressions for the schema, the kind and the name of a row, and what must be joined for them."""
    catalog = found[name]
    if name == "pg_namespace":
        return "x.oid", _kind(name, "x"), "x.nspname::text", ""
    if {"classoid", "objoid"} <= catalog.columns.keys():
        return _of_any(name, found)
    own = _NAMES.get(name) or (f"x.{catalog.label}::text" if catalog.label else None)
    if catalog.space:
        return f"x.{catalog.space}", _kind(name, "x"), own or "''", ""
    parent = next(((column, it) for column, it in catalog.keys if it in found and it != "pg_namespace"), None)
    if name in (*_NAMES, "pg_depend") or parent is None or (own and parent[1] != "pg_class"):
        return "0", _kind(name, "x"), own or "''", ""
    column, of = parent
    joined = f" JOIN {of} p ON p.oid = x.{column}"
    space = f"p.{found[of].space}" if found[of].space else "0"
    label = f"p.{found[of].label}::text" if found[of].label else "''"
    if own and name not in _PARTS:
        return space, _kind(name, "x"), f"{own} || ' on ' || {label}", joined
    return space, _kind(of, "p"), label, joined


def _of_any(name: str, found: dict[str, _Catalog]) -> tuple[str, str, str, str]:
    """The same for what is said of objects of any kind: comments, labels. The system's own have the low numbers."""
    if name.startswith("pg_sh"):  # shared between databases
        return (
            "0",
            _kind(name, "x"),
            "coalesce((SELECT rolname FROM pg_roles WHERE oid = x.objoid)::text, 'database')",
            "",
        )
    spaces, labels = [], []
    for other, it in found.items():
        if "oid" in it.columns and it.label and (it.space or other == "pg_namespace"):
            row = f"FROM {other} o WHERE o.oid = x.objoid)"
            spaces.append(f"WHEN '{other}'::regclass THEN (SELECT o.{it.space or 'oid'} {row}")
            labels.append(f"WHEN '{other}'::regclass THEN (SELECT o.{it.label}::text {row}")
    space = f"CASE x.classoid {' '.join(spaces)} END"
    space = f"CASE WHEN x.objoid < 16384 THEN 'pg_catalog'::regnamespace::oid ELSE coalesce({space}, 0) END"
    return space, _kind(name, "x"), f"CASE x.classoid {' '.join(labels)} ELSE x.objoid::text END", ""


def _kind(name: str, alias: str) -> str:
    if name == "pg_class":
        return f"CASE WHEN {alias}.relkind IN ('i', 'I') THEN 'index' ELSE 'relation' END"
    return f"'{_KINDS.get(name, name.removeprefix('pg_').replace('_', ' '))}'"
