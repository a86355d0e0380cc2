"""Stands for `clickhouse-client` in the simulated ClickHouse machine: knows the statements the runbook sends.

Keeps databases, users and grants in the JSON file named by CLICKHOUSE_STUB_STATE. A statement it does not know
is an error, so that a changed script cannot pass unnoticed.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

STATE = Path(os.environ["CLICKHOUSE_STUB_STATE"])


def load() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(STATE.read_text())
    except FileNotFoundError:
        found = {"databases": ["default", "system"], "users": {}, "log": []}
    return found


def wanted(rights: str) -> list[str]:
    return re.findall(r"'([^']+)'", rights)


def answer(state: dict[str, Any], statement: str) -> list[str]:
    """One statement's output lines."""
    users = state["users"]
    if found := re.fullmatch(r"CREATE DATABASE IF NOT EXISTS (\w+)", statement):
        if found[1] not in state["databases"]:
            state["databases"].append(found[1])
    elif found := re.fullmatch(
        r"(?:CREATE USER IF NOT EXISTS|ALTER USER) (\w+) IDENTIFIED WITH sha256_password BY '(\w+)'", statement
    ):
        user = users.setdefault(found[1], {"password": found[2], "grants": []})
        if statement.startswith("ALTER"):
            user["password"] = found[2]
    elif re.fullmatch(r"ALTER USER (\w+) DEFAULT DATABASE (\w+)", statement):
        pass
    elif found := re.fullmatch(r"REVOKE ALL ON \*\.\* FROM (\w+)", statement):
        users[found[1]]["grants"] = []
    elif found := re.fullmatch(r"GRANT (.+) ON (\w+)\.(\*|\w+) TO (\w+)", statement):
        users[found[4]]["grants"] += [[right, found[2], found[3]] for right in found[1].split(", ")]
    elif statement == "SELECT 'version', version()":
        return ["version\t25.12.1.1"]
    elif found := re.fullmatch(r"SELECT 'database', count\(\) FROM system.databases WHERE name = '(\w+)'", statement):
        return [f"database\t{int(found[1] in state['databases'])}"]
    elif found := re.fullmatch(r"SELECT 'user', count\(\) FROM system.users WHERE name = '(\w+)'", statement):
        return [f"user\t{int(found[1] in users)}"]
    elif statement.startswith("SELECT 'lacking', arrayJoin("):
        user, database = re.search(r"user_name = '(\w+)' AND database = '(\w+)'", statement).groups()  # type: ignore[union-attr]
        grants = users.get(user, {}).get("grants", [])
        have = [right for right, where, table in grants if (where, table) == (database, "*")]
        return [f"lacking\t{right}" for right in wanted(statement.rpartition("[")[2]) if right not in have]
    elif statement.startswith("SELECT 'lacking', concat('SELECT ON system.'"):
        user = re.search(r"user_name = '(\w+)'", statement)[1]  # type: ignore[index]
        have = [table for right, where, table in users.get(user, {}).get("grants", []) if where == "system"]
        return [f"lacking\tSELECT ON system.{t}" for t in wanted(statement.rpartition("[")[2]) if t not in have]
    elif statement.startswith("SELECT 'beyond'"):
        user, own = re.search(r"user_name = '(\w+)' AND NOT ifNull\(database = '(\w+)'", statement).groups()  # type: ignore[union-attr]
        return [
            f"beyond\t{right} ON {where}.{table}"
            for right, where, table in users.get(user, {}).get("grants", [])
            if where not in (own, "system")
        ]
    elif statement == "SELECT 1":
        return ["1"]
    else:
        raise SystemExit(f"the stub does not know: {statement}")
    return []


def main() -> None:
    state = load()
    user, password = os.environ["CLICKHOUSE_USER"], os.environ["CLICKHOUSE_PASSWORD"]
    known = os.environ["CLICKHOUSE_ADMIN_PASSWORD"] if user == "admin" else state["users"].get(user, {}).get("password")
    if password != known:
        raise SystemExit(f"Code: 516. Authentication failed for user {user}")
    statements = [" ".join(part.split()) for part in sys.stdin.read().split(";") if part.strip()]
    lines = [line for statement in statements for line in answer(state, statement)]
    STATE.write_text(json.dumps(state))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
