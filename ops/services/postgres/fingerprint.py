"""A fingerprint of every schema that is not ours, and of what belongs to no schema: never a row of data.

Taken before and after our own changes in one REPEATABLE READ transaction. Catalogs are then read from one
snapshot plus our own changes: whatever others do meanwhile (Supabase makes partitions daily) does not show,
and a difference is our doing. Only catalog columns are hashed, no `pg_get_...def()`: those look past the snapshot.
Of rows it is seen how many this very transaction has written (the server's own count of it), not which; values of
sequences and the server's configuration are in no snapshot, and not looked at.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ops.services.postgres import catalogs

if TYPE_CHECKING:
    import psycopg


DATABASE = catalogs.WIDE


@dataclass(frozen=True)
class Fingerprint:
    """Every object of every other schema or of none: (schema, kind, name) → a digest, of all that are called so."""

    objects: Mapping[tuple[str, str, str], str]

    @property
    def schemas(self) -> dict[str, str]:
        """One digest per schema."""
        return {schema: digest for schema, digest in self.digests.items() if schema != DATABASE}

    @property
    def digests(self) -> dict[str, str]:
        """One digest per schema, and one for what belongs to none; of what still holds after the transaction."""
        lines: dict[str, list[str]] = defaultdict(list)
        for (schema, kind, name), digest in self.objects.items():
            if kind not in catalogs.PASSING:
                lines[schema].append(f"{kind} {name} {digest}")
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
                lines.append(f"{word}: {kind} {schema}" + (f".{name}" if name and kind != "schema" else ""))
        return tuple(lines)


def take(connection: psycopg.Connection[Any], own: str, role: str) -> Fingerprint:
    """The fingerprint of all but the schema `own` and what `role` itself is; two round trips. Raises psycopg.Error."""
    names = {"own": own, "role": role, "wide": DATABASE}
    rows = connection.execute(catalogs.query(connection).encode(), names)
    return Fingerprint({(schema, kind, name): digest for schema, kind, name, digest in rows})
