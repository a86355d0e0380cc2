"""A database with a shop in it, in a real Postgres, and what leads there."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from psycopg import sql

from ops.description.paths import ROOT
from ops.description.read import read
from ops.runbook.secret import Secret
from ops.services.postgres import fingerprint, setup
from ops.vault import Vault
from tests.services.real_servers import Postgres

STACK = read(ROOT / "ops" / "stack.toml", {})

# A shop in miniature: every kind of object the fingerprint must see.
SHOP = """
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE TABLE customer (id serial PRIMARY KEY, name text NOT NULL DEFAULT 'x', paint colour);
CREATE TABLE _prisma_migrations (id text PRIMARY KEY);
CREATE TABLE "order" (id bigint PRIMARY KEY, customer int REFERENCES customer, price numeric CHECK (price > 0))
  PARTITION BY RANGE (id);
CREATE TABLE order_1 PARTITION OF "order" FOR VALUES FROM (0) TO (100);
CREATE INDEX by_name ON customer (lower(name));
CREATE VIEW names AS SELECT name FROM customer;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY mine ON customer USING (true);
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY);
INSERT INTO customer (name) VALUES ('somebody');
"""


class Place:
    """A database with a shop in it, and what leads there."""

    def __init__(self, server: Postgres, database: str, folder: Path) -> None:
        self.server, self.database = server, database
        # Roles are the server's, not the database's: each test has its own.
        self.role = f"langfuse_{database}"
        wanted = msgspec.structs.replace(STACK.postgres, role=self.role)
        self.stack = msgspec.structs.replace(STACK, postgres=wanted)
        self.vault = Vault(folder / "vault" / "vault.json", target="local")
        self.vault.put({"SUPABASE_DIRECT_URL": server.url(database=database)}, origin="provisioned")
        self.vault.put({"LANGFUSE_DB_PASSWORD": Secret(secrets.token_hex(16))}, origin="generated")
        self.state = folder / "state"
        self.said: list[str] = []

    def look(self) -> Any:
        return setup.look(self.stack.postgres, self.vault)

    def act(self) -> None:
        setup.act(self.stack.postgres, self.vault, self.state, self.said.append)

    def execute(self, statement: str, *, user: str = "postgres", password: str | None = None) -> list[Any]:
        with psycopg.connect(self.url(user, password), autocommit=True) as connection:
            cursor = connection.execute(sql.SQL(statement))
            return cursor.fetchall() if cursor.description else []

    def url(self, user: str = "postgres", password: str | None = None) -> str:
        return self.server.url(user=user, password=password, database=self.database).reveal()

    def as_role(self, statement: str) -> list[Any]:
        return self.execute(statement, user=self.role, password=self.vault.get("LANGFUSE_DB_PASSWORD").reveal())

    def fingerprint(self) -> dict[str, str]:
        """A digest of each schema that is not ours, and of what belongs to none."""
        with psycopg.connect(self.url()) as connection:
            return fingerprint.take(connection, "langfuse", self.role).digests
