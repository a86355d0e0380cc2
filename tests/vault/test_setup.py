"""Step 1.2: makes what is missing, changes nothing that is there, asks only for what a person has."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from ops.description.stack import TeamTable
from ops.runbook.secret import Secret
from ops.runbook.step import State
from ops.vault import setup
from tests.vault.support import STACK, given, inventory, provisioned


def quiet(text: str) -> None:
    """Nobody listens."""


def values(path: Path) -> dict[str, str]:
    return {name: record["value"] for name, record in json.loads(path.read_text())["secrets"].items()}


def test_a_rehearsal_needs_nobody(tmp_path: Path) -> None:
    here = inventory(tmp_path, "local")
    assert setup.look(here).state is State.MISSING
    setup.act(here, quiet)
    found = setup.look(here)
    assert found.state is State.SATISFIED
    assert "to come from step 0, 1.4" in found.evidence
    here.vault.put(
        {**provisioned(), **{name: Secret(text) for name, text in given().items() if name.startswith("SUPABASE")}},
        origin="provisioned",
    )
    assert "to come" not in setup.look(here).evidence


def test_a_rehearsal_never_reads_production_values(tmp_path: Path) -> None:
    here = inventory(tmp_path, "local", given())
    setup.act(here, quiet)
    text = here.vault.path.read_text()
    for value in given().values():
        assert value not in text
    assert here.vault.get("OPENAI_API_KEY").reveal().startswith("sk-rehearsal-")


def test_production_takes_what_is_given_and_is_complete(tmp_path: Path) -> None:
    here = inventory(tmp_path, "fly", given())
    assert setup.look(here).state is State.MISSING
    setup.act(here, quiet)
    assert setup.look(here).state is State.SATISFIED
    stored = values(here.vault.path)
    assert stored["OPENAI_API_KEY"] == given()["OPENAI_API_KEY"]
    assert "FLY_API_TOKEN" not in stored
    assert given()["FLY_API_TOKEN"] not in here.vault.path.read_text()


def test_what_only_a_person_can_give_is_named_with_the_place_for_it(tmp_path: Path) -> None:
    here = inventory(tmp_path, "fly", {"OPENAI_API_KEY": given()["OPENAI_API_KEY"], "FLY_API_TOKEN": "  "})
    setup.act(here, quiet)
    found = setup.look(here)
    assert found.state is State.BLOCKED
    for name in ("SUPABASE_DIRECT_URL", "SUPABASE_POOLED_URL", "FLY_API_TOKEN"):
        assert name in found.evidence
        assert name in found.next
    assert "OPENAI_API_KEY" not in found.next
    assert str(tmp_path / ".env") in found.next
    assert here.vault.has("LANGFUSE_SALT"), "what can be made is made meanwhile"


@pytest.mark.parametrize("value", ["", "http//nonsense"], ids=["not given", "malformed"])
def test_a_plan_before_the_first_deploy_says_what_only_a_person_can_give(tmp_path: Path, value: str) -> None:
    """R10, R14: also while there is more to do than to give, and a value that is refused is not called missing."""
    found = setup.look(inventory(tmp_path, "fly", {**given(), "SUPABASE_DIRECT_URL": value}))
    assert found.state is State.MISSING
    assert "SUPABASE_DIRECT_URL" in found.evidence
    assert ("is refused (PG-001)" in found.evidence) == bool(value)
    assert found.next == f"put SUPABASE_DIRECT_URL into {tmp_path / '.env'}, then inv setup.secrets"


def test_nothing_that_is_there_is_changed(tmp_path: Path) -> None:
    here = inventory(tmp_path, "fly", given())
    setup.act(here, quiet)
    before = values(here.vault.path)
    again = inventory(tmp_path, "fly", {**given(), "OPENAI_API_KEY": "sk-proj-" + "z9Y8" * 8})
    setup.act(again, quiet)
    assert values(here.vault.path) == before
    found = setup.look(again)
    assert found.state is State.SATISFIED
    assert "OPENAI_API_KEY waits for inv vault.rotate" in found.evidence
    without = inventory(tmp_path, "fly", {"FLY_API_TOKEN": given()["FLY_API_TOKEN"]})
    assert setup.look(without).state is State.SATISFIED, "once given, .env may forget it"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OPENAI_API_KEY", "sk-rehearsal-" + "a" * 32, "stand-in"),
        ("OPENAI_API_KEY", "my-secret-word-of-openai", "sk-"),
        ("SUPABASE_DIRECT_URL", given()["SUPABASE_DIRECT_URL"] + "?schema=langfuse", "PG-006"),
        ("SUPABASE_DIRECT_URL", given()["SUPABASE_POOLED_URL"], "PG-009"),
        ("SUPABASE_POOLED_URL", given()["SUPABASE_DIRECT_URL"], "PG-009"),
        ("SUPABASE_POOLED_URL", given()["SUPABASE_POOLED_URL"].replace("abcdefghij", "zyxwvutsrq"), "PG-011"),
    ],
)
def test_a_malformed_given_value_is_not_stored(tmp_path: Path, name: str, value: str, said: str) -> None:
    here = inventory(tmp_path, "fly", {**given(), name: value})
    setup.act(here, quiet)
    found = setup.look(here)
    assert found.state is State.BLOCKED
    assert name in found.evidence
    assert said in found.evidence
    assert "word-of" not in found.evidence
    assert not here.vault.has(name)


def test_a_malformed_value_in_the_vault_is_not_mended_silently(tmp_path: Path) -> None:
    here = inventory(tmp_path, "fly", given())
    setup.act(here, quiet)
    here.vault.put({"LANGFUSE_ENCRYPTION_KEY": Secret("base64-of-something=")}, origin="given")
    setup.act(here, quiet)
    found = setup.look(here)
    assert found.state is State.BLOCKED
    assert "LANGFUSE_ENCRYPTION_KEY" in found.evidence
    assert here.vault.get("LANGFUSE_ENCRYPTION_KEY").reveal() == "base64-of-something="


def test_a_team_added_to_the_stack_gets_its_key(tmp_path: Path) -> None:
    here = inventory(tmp_path, "local")
    setup.act(here, quiet)
    before = values(here.vault.path)
    table = TeamTable(key="NEW_TEAM_KEY", rpm=1, tpm=1, daily_usd=1)
    stack = msgspec.structs.replace(STACK, teams={**STACK.teams, "newcomers": table})
    later = inventory(tmp_path, "local", stack=stack)
    assert "1 to make" in setup.look(later).evidence
    setup.act(later, quiet)
    after = values(here.vault.path)
    assert after.pop("NEW_TEAM_KEY")
    assert after == before


def test_a_look_writes_nothing(tmp_path: Path) -> None:
    setup.look(inventory(tmp_path, "fly", given()))
    assert list(tmp_path.iterdir()) == []


def test_what_is_said_holds_no_value(tmp_path: Path) -> None:
    said: list[str] = []
    here = inventory(tmp_path, "fly", given())
    said.append(setup.look(here).evidence)
    setup.act(here, said.append)
    found = setup.look(here)
    text = " ".join([*said, found.evidence, found.next])
    for value in [*values(here.vault.path).values(), *given().values()]:
        assert value not in text
