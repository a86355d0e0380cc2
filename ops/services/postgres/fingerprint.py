"""A fingerprint of every schema that is not ours, and of what belongs to no schema: never a row of data.

Taken before and after our own changes in one REPEATABLE READ transaction. Catalogs are then read from one
snapshot plus our own changes: whatever others do meanwhile (Supabase makes partitions daily) does not show,
and a difference is our doing. Only catalog columns are hashed, no `pg_get_...def()`: those look past the snapshot.
Of rows it is seen how many this very transaction has written (the server's own count of it), not which.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

# One row per object: schema, kind, name, and everything the catalog says of it. Left out of pg_class is what
# vacuum, analyze and ordinary writes change in place (sizes, frozen ids, file numbers).
_QUERY = """
WITH spaces AS (
  SELECT * FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' AND nspname <> %(own)s
),
objects(space, kind, name, facts) AS (
  SELECT oid, 'schema', nspname::text, n::text FROM spaces n
  UNION ALL
  SELECT c.relnamespace, 'relation', c.relname::text, concat_ws('|', c.oid, c.reltype, c.reloftype, c.relowner,
      c.relam, c.reltablespace, c.relpersistence, c.relkind, c.relnatts, c.relchecks, c.relrowsecurity,
      c.relforcerowsecurity, c.relreplident, c.relispartition, c.relacl::text, c.reloptions::text,
      c.relpartbound::text,
      (SELECT string_agg(a::text, ';' ORDER BY attnum) FROM pg_attribute a WHERE attrelid = c.oid),
      (SELECT string_agg(d::text, ';' ORDER BY adnum) FROM pg_attrdef d WHERE adrelid = c.oid),
      (SELECT string_agg(h::text, ';' ORDER BY inhseqno) FROM pg_inherits h WHERE inhrelid = c.oid),
      (SELECT string_agg(r::text, ';' ORDER BY rulename) FROM pg_rewrite r WHERE ev_class = c.oid),
      (SELECT s::text FROM pg_sequence s WHERE seqrelid = c.oid))
    FROM pg_class c WHERE c.relkind <> 'i' AND c.relkind <> 'I'
  UNION ALL
  SELECT c.relnamespace, 'index', c.relname::text, concat_ws('|', c.relowner, c.relam, c.reloptions::text, i::text)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  UNION ALL
  SELECT connamespace, 'constraint', conname::text, k::text FROM pg_constraint k
  UNION ALL
  SELECT pronamespace, 'function', proname::text, p::text FROM pg_proc p
  UNION ALL
  SELECT typnamespace, 'type', typname::text, concat_ws('|', t::text,
      (SELECT string_agg(e::text, ';' ORDER BY enumsortorder) FROM pg_enum e WHERE enumtypid = t.oid))
    FROM pg_type t
  UNION ALL
  SELECT c.relnamespace, 'trigger', g.tgname::text || ' on ' || c.relname, g::text
    FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
  UNION ALL
  SELECT c.relnamespace, 'policy', o.polname::text || ' on ' || c.relname, o::text
    FROM pg_policy o JOIN pg_class c ON c.oid = o.polrelid
  UNION ALL
  SELECT defaclnamespace, 'default grants', defaclobjtype::text, d::text FROM pg_default_acl d
  UNION ALL
  SELECT extnamespace, 'extension', extname::text, x::text FROM pg_extension x
  UNION ALL
  SELECT stxnamespace, 'statistics', stxname::text, x::text FROM pg_statistic_ext x
  UNION ALL
  SELECT oprnamespace, 'operator', oprname::text, o::text FROM pg_operator o
  UNION ALL
  SELECT opcnamespace, 'operator class', opcname::text, o::text FROM pg_opclass o
  UNION ALL
  SELECT collnamespace, 'collation', collname::text, concat_ws('|', oid, collowner, collprovider, collencoding)
    FROM pg_collation
  UNION ALL
  SELECT connamespace, 'conversion', conname::text, v::text FROM pg_conversion v
  UNION ALL
  SELECT cfgnamespace, 'text search', cfgname::text, concat_ws('|', t::text,
      (SELECT string_agg(m::text, ';' ORDER BY maptokentype, mapseqno) FROM pg_ts_config_map m WHERE mapcfg = t.oid))
    FROM pg_ts_config t
  UNION ALL
  SELECT dictnamespace, 'text search', dictname::text, t::text FROM pg_ts_dict t
  UNION ALL
  SELECT c.relnamespace, 'comment', c.relname::text, string_agg(d::text, ';' ORDER BY objsubid)
    FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass GROUP BY 1, 3
  UNION ALL
  SELECT w.space, 'rows', w.name, w.written::text FROM (
      SELECT relnamespace AS space, relname::text AS name, pg_stat_get_xact_tuples_inserted(oid)
        + pg_stat_get_xact_tuples_updated(oid) + pg_stat_get_xact_tuples_deleted(oid) AS written
      FROM pg_class WHERE relkind = 'r') w
    WHERE w.written > 0
),
wide(kind, name, facts) AS (
  SELECT 'default grants', defaclrole::regrole::text || ' ' || defaclobjtype::text, d::text
    FROM pg_default_acl d WHERE defaclnamespace = 0
  UNION ALL
  SELECT 'publication', pubname::text, concat_ws('|', p::text,
      (SELECT string_agg(r::text, ';' ORDER BY r.oid) FROM pg_publication_rel r WHERE prpubid = p.oid),
      (SELECT string_agg(s::text, ';' ORDER BY s.oid) FROM pg_publication_namespace s WHERE pnpubid = p.oid))
    FROM pg_publication p
  UNION ALL
  SELECT 'event trigger', evtname::text, e::text FROM pg_event_trigger e
  UNION ALL
  SELECT 'foreign data wrapper', fdwname::text, f::text FROM pg_foreign_data_wrapper f
  UNION ALL
  SELECT 'foreign server', srvname::text, f::text FROM pg_foreign_server f
  UNION ALL
  SELECT 'language', lanname::text, l::text FROM pg_language l
  UNION ALL
  SELECT 'cast', a.typname || ' to ' || b.typname, c::text
    FROM pg_cast c JOIN pg_type a ON a.oid = castsource JOIN pg_type b ON b.oid = casttarget
  UNION ALL
  -- A role's right to connect is what we may give to ours.
  SELECT 'database', 'rights', concat_ws('|', datdba,
      (SELECT string_agg(a::text, ';' ORDER BY a::text) FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) a
        WHERE a.grantee = 0 OR a.privilege_type = 'CREATE'))
    FROM pg_database WHERE datname = current_database()
)
SELECT n.nspname::text, o.kind, o.name, encode(sha256(convert_to(o.facts, 'UTF8')), 'hex')
FROM objects o JOIN spaces n ON n.oid = o.space
UNION ALL
SELECT %(wide)s, kind, name, encode(sha256(convert_to(facts, 'UTF8')), 'hex') FROM wide
"""

DATABASE = "(database)"
"""Stands for a schema's name where an object belongs to the database as a whole."""


@dataclass(frozen=True)
class Fingerprint:
    """Every object of every other schema or of none: (schema, kind, name) → digests, more than one for overloads."""

    objects: Mapping[tuple[str, str, str], tuple[str, ...]]

    @property
    def schemas(self) -> dict[str, str]:
        """One digest per schema."""
        return {schema: digest for schema, digest in self.digests.items() if schema != DATABASE}

    @property
    def digests(self) -> dict[str, str]:
        """One digest per schema, and one for what belongs to none."""
        lines: dict[str, list[str]] = defaultdict(list)
        for (schema, kind, name), digests in self.objects.items():
            lines[schema].append(f"{kind} {name} {' '.join(digests)}")
        return {
            schema: hashlib.sha256("\n".join(sorted(part)).encode()).hexdigest()
            for schema, part in sorted(lines.items())
        }

    def difference(self, after: Fingerprint) -> tuple[str, ...]:
        """What is not the same in `after`, one readable line each."""
        lines = []
        for key in sorted(self.objects.keys() | after.objects.keys()):
            before_it, after_it = self.objects.get(key), after.objects.get(key)
            if before_it != after_it:
                word = "added" if before_it is None else "removed" if after_it is None else "changed"
                schema, kind, name = key
                lines.append(f"{word}: {kind} {schema}" + (f".{name}" if kind != "schema" else ""))
        return tuple(lines)


def take(connection: psycopg.Connection[Any], own: str) -> Fingerprint:
    """The fingerprint of all but the schema `own` and the system's, in one round trip. Raises psycopg.Error."""
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for schema, kind, name, digest in connection.execute(_QUERY, {"own": own, "wide": DATABASE}):
        found[schema, kind, name].append(digest)
    return Fingerprint({key: tuple(sorted(digests)) for key, digests in found.items()})
