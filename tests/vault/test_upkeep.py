"""List, audit, rotate, remove: what they say is true, and no value is in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.vault import audit, report, rotate
from ops.vault.inventory import Inventory
from tests.vault.support import given, inventory


def test_the_list_shows_every_secret_and_no_value(full: Inventory) -> None:
    text, data = report.as_text(full), json.loads(report.as_json(full))
    assert (data["version"], data["kind"], data["target"]) == (1, "vault", "fly")
    states = {row["name"]: row["state"] for row in data["secrets"]}
    assert states["LANGFUSE_SALT"] == "stored"
    assert states["LANGFUSE_DIRECT_URL"] == "derived"
    assert states["FLY_API_TOKEN"] == "environment"
    assert set(full.vault.names()) <= set(states)
    for name in full.vault.names():
        assert name in text
        assert full.vault.get(name).reveal() not in text + json.dumps(data)


def test_the_list_of_an_empty_vault_says_missing(tmp_path: Path) -> None:
    rows = {row.name: row.state for row in report.rows(inventory(tmp_path, "fly"))}
    assert rows["OPENAI_API_KEY"] == rows["FLY_API_TOKEN"] == rows["REDIS_URL"] == "missing"


def test_age_and_due_day_follow_the_contracts_period(full: Inventory) -> None:
    later = datetime.now(UTC) + timedelta(days=60)
    rows = {row.name: row for row in report.rows(full, later)}
    assert rows["OPENAI_API_KEY"].age_days == 60
    due = rows["OPENAI_API_KEY"].due
    assert due is not None
    assert 29 <= (due - later).days <= 30
    assert rows["LANGFUSE_SALT"].due is None


def test_the_schedule_is_productions_whatever_the_target(tmp_path: Path, full: Inventory) -> None:
    table = report.schedule_table(full.stack)
    assert table == report.schedule_table(inventory(tmp_path / "other", "local").stack)
    assert "| `LANGFUSE_SALT` |" in table
    assert "| never |" in table
    assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_sound_vault_has_no_findings(full: Inventory) -> None:
    assert audit.findings(full) == ()
    assert "well-formed" in audit.as_text(())


def test_the_audit_finds_what_is_wrong(full: Inventory) -> None:
    full.vault.put({"CLICKHOUSE_PASSWORD": Secret("not&alnum")}, origin="given")
    full.vault.put({"FORMER_TEAM_KEY": Secret("of-a-team-that-is-gone")}, origin="generated")
    full.vault.remove(["REDIS_URL"])
    later = datetime.now(UTC) + timedelta(days=91)
    found = {(finding.kind, finding.name) for finding in audit.findings(full, later)}
    assert {
        ("malformed", "CLICKHOUSE_PASSWORD"),
        ("unknown", "FORMER_TEAM_KEY"),
        ("missing", "REDIS_URL"),
        ("overdue", "OPENAI_API_KEY"),
    } <= found
    assert not [name for kind, name in found if kind == "overdue" and name == "LANGFUSE_SALT"]
    text = audit.as_text(audit.findings(full, later)) + audit.as_json(audit.findings(full, later))
    assert "not&alnum" not in text
    assert json.loads(audit.as_json(audit.findings(full)))["kind"] == "vault-audit"


def test_rotating_makes_a_new_value_keeps_the_old_vault_and_says_what_to_run(full: Inventory) -> None:
    before = full.vault.get("PROD_CEO_KEY")
    said = rotate.rotate(full, "PROD_CEO_KEY", confirmed=True)
    after = full.vault.get("PROD_CEO_KEY")
    assert after != before
    assert "inv deploy.secrets" in said
    assert before.reveal() not in said
    assert after.reveal() not in said
    assert before.reveal() in full.vault.previous.read_text()


def test_a_pair_is_replaced_together(full: Inventory) -> None:
    before = [full.vault.get(name) for name in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")]
    rotate.rotate(full, "LANGFUSE_SECRET_KEY", confirmed=True)
    after = [full.vault.get(name) for name in ("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY")]
    assert not set(before) & set(after)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("LANGFUSE_ENCRYPTION_KEY", "VAULT-016"),
        ("LANGFUSE_SALT", "VAULT-016"),
        ("REDIS_URL", "VAULT-017"),
        ("LANGFUSE_DIRECT_URL", "VAULT-017"),
        ("FLY_API_TOKEN", "VAULT-017"),
        ("OPENAI_API_KEY", "VAULT-017"),
        ("NO_SUCH_KEY", "VAULT-015"),
    ],
)
def test_what_is_not_replaced_here_is_refused_with_the_reason(full: Inventory, name: str, code: str) -> None:
    before = full.vault.path.read_bytes()
    with pytest.raises(RunbookError) as refused:
        rotate.rotate(full, name, confirmed=True)
    assert refused.value.code == code
    assert refused.value.next
    assert full.vault.path.read_bytes() == before


def test_without_a_yes_nothing_is_replaced(full: Inventory) -> None:
    before = full.vault.path.read_bytes()
    with pytest.raises(RunbookError) as refused:
        rotate.rotate(full, "LANGFUSE_NEXTAUTH_SECRET")
    assert refused.value.code == "VAULT-019"
    assert "logged out" in refused.value.what
    assert refused.value.next == "inv vault.rotate LANGFUSE_NEXTAUTH_SECRET --yes"
    assert full.vault.path.read_bytes() == before


def test_a_given_secret_is_replaced_by_what_env_holds_now(tmp_path: Path, full: Inventory) -> None:
    fresh = "sk-proj-" + "z9Y8" * 8
    later = inventory(tmp_path, "fly", {**given(), "OPENAI_API_KEY": fresh})
    rotate.rotate(later, "OPENAI_API_KEY", confirmed=True)
    assert full.vault.get("OPENAI_API_KEY").reveal() == fresh
    broken = inventory(tmp_path, "fly", {**given(), "OPENAI_API_KEY": "no-key-at-all"})
    with pytest.raises(RunbookError) as refused:
        rotate.rotate(broken, "OPENAI_API_KEY", confirmed=True)
    assert refused.value.code == "VAULT-012"
    assert "no-key-at-all" not in refused.value.what


def test_only_what_nobody_reads_is_taken_out(full: Inventory) -> None:
    full.vault.put({"FORMER_TEAM_KEY": Secret("of-a-team-that-is-gone")}, origin="generated")
    assert "FORMER_TEAM_KEY taken out" in rotate.remove(full, "FORMER_TEAM_KEY")
    assert not full.vault.has("FORMER_TEAM_KEY")
    for name, code in (("LANGFUSE_SALT", "VAULT-018"), ("FORMER_TEAM_KEY", "VAULT-001")):
        with pytest.raises(RunbookError) as refused:
            rotate.remove(full, name)
        assert refused.value.code == code
