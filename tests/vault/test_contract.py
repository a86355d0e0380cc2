"""The contract: complete, checked when it is read, and the same for any stack."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from ops.description.stack import TeamTable
from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.vault import contract
from ops.vault.formats import fault, make
from tests.vault.support import STACK, given


def test_every_generated_secret_has_its_own_format() -> None:
    for target in ("local", "fly"):
        for rule in contract.read().rules(STACK, target).values():
            if rule.origin == "generated":
                assert rule.format is not None
                one, two = make(rule.format), make(rule.format)
                assert fault(rule.format, one) is None, rule.name
                assert one != two, rule.name


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("LITELLM_MASTER_KEY", r"[A-Za-z0-9]{32}"),
        ("PROD_CUSTOMER_KEY", r"[A-Za-z0-9]{32}"),
        ("LANGFUSE_ENCRYPTION_KEY", r"[0-9a-f]{64}"),
        ("LANGFUSE_SALT", r"[A-Za-z0-9+/]{43}="),
        ("LANGFUSE_NEXTAUTH_SECRET", r"[A-Za-z0-9+/]{43}="),
        ("LANGFUSE_PUBLIC_KEY", r"pk-lf-[0-9a-f-]{36}"),
        ("LANGFUSE_SECRET_KEY", r"sk-lf-[0-9a-f-]{36}"),
        ("CLICKHOUSE_PASSWORD", r"[A-Za-z0-9]{32}"),
        ("LANGFUSE_ADMIN_PASSWORD", r".{8,}"),
    ],
)
def test_values_are_made_as_their_consumers_want_them(name: str, pattern: str) -> None:
    format = contract.read().rule(name, STACK, "fly").format
    assert format is not None
    assert re.fullmatch(pattern, make(format).reveal())


def test_a_malformed_value_is_told_without_being_quoted() -> None:
    format = contract.read().rule("LANGFUSE_ENCRYPTION_KEY", STACK, "fly").format
    why = fault(format, Secret("c2VjcmV0LWJhc2U2NA=="))
    assert why is not None
    assert "64 hexadecimal" in why
    assert "c2Vjc" not in why


def test_every_team_of_the_stack_has_a_key_and_a_new_team_needs_nothing_in_the_contract() -> None:
    table = TeamTable(key="NEW_TEAM_KEY", rpm=1, tpm=1, daily_usd=1)
    stack = msgspec.structs.replace(STACK, teams={**STACK.teams, "newcomers": table})
    rules = contract.read().rules(stack, "fly")
    for team in stack.resolved_teams:
        assert rules[team.key].consumers == {"gateway": team.key}
    assert "newcomers" in rules["NEW_TEAM_KEY"].purpose
    assert "NEW_TEAM_KEY" not in contract.read().rules(STACK, "fly")


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "lower_case", "1ST"])
def test_a_teams_key_cannot_take_a_name_that_is_none_or_taken(name: str) -> None:
    stack = msgspec.structs.replace(STACK, teams={"t": TeamTable(key=name, rpm=1, tpm=1, daily_usd=1)})
    with pytest.raises(RunbookError) as refused:
        contract.read().rules(stack, "fly")
    assert refused.value.code == "VAULT-011"


def test_the_targets_differ_in_what_a_person_must_give() -> None:
    origins = {
        target: {rule.name for rule in contract.read().rules(STACK, target).values() if rule.origin == "given"}
        for target in ("local", "fly")
    }
    assert origins["local"] == set(), "a rehearsal asks nobody for anything"
    assert origins["fly"] == set(given())


def test_encryption_key_and_salt_are_never_replaced() -> None:
    rules = contract.read().rules(STACK, "fly")
    assert {name for name, rule in rules.items() if rule.rotation == "never"} == {
        "LANGFUSE_ENCRYPTION_KEY",
        "LANGFUSE_SALT",
    }


def test_a_second_redis_takes_the_queue_over() -> None:
    assert "QUEUE_REDIS_URL" not in contract.read().rules(STACK, "fly")
    redis = msgspec.structs.replace(STACK.redis, queue_name="another")
    rules = contract.read().rules(msgspec.structs.replace(STACK, redis=redis), "fly")
    assert rules["QUEUE_REDIS_URL"].consumers["worker"] == rules["REDIS_URL"].consumers["worker"]
    assert list(rules).index("QUEUE_REDIS_URL") > list(rules).index("REDIS_URL"), "the later one wins"


def test_flys_own_object_store_brings_its_own_keys() -> None:
    storage = msgspec.structs.replace(STACK.storage, provider="tigris")
    rules = contract.read().rules(msgspec.structs.replace(STACK, storage=storage), "fly")
    assert rules["S3_ACCESS_KEY_ID"].origin == "provisioned"
    assert "MINIO_ROOT_PASSWORD" not in rules


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(RunbookError) as refused:
        contract.read().rule("langfuse_sallt", STACK, "fly")
    assert refused.value.code == "VAULT-015"
    assert "LANGFUSE_SALT" in refused.value.why


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version = 1", "version = 2", "version"),
        ('origin = "generated"', 'origin = "found"', "origin"),
        ("[secrets.LANGFUSE_SALT]", "[secrets.LANGFUSE_SALT", ""),
        ('gateway = "LITELLM_MASTER_KEY"', 'gatway = "LITELLM_MASTER_KEY"', "gatway"),
        ('format = "hex256"', 'format = "hex"', "hex"),
        ('make = { kind = "hex", length = 64 }\n', "", "does not say how"),
        ('together = ["LANGFUSE_SECRET_KEY"]', 'together = ["SECRET"]', "SECRET"),
        ('derive = "langfuse-direct"\n', "", "derive"),
        ('pattern = "[A-Za-z0-9]{32}"', 'pattern = "[A-Za-z0-9"', "pattern"),
        ('step = "1.4"\n', "", "step"),
        ('purpose = "pays for the models"', 'purpose = "pays for the models"\nsurplus = 1', "surplus"),
    ],
)
def test_a_broken_contract_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = contract.FILE.read_text()
    assert old in text
    file = tmp_path / "contract.toml"
    file.write_text(text.replace(old, new))
    with pytest.raises(RunbookError) as refused:
        contract.read(file)
    assert refused.value.code == "VAULT-010"
    assert str(file) in refused.value.what
    assert said in refused.value.what


def test_the_contract_holds_no_value() -> None:
    text = contract.FILE.read_text()
    for rule in contract.read().rules(STACK, "fly").values():
        if rule.format is not None and rule.format.make is not None and rule.format.pattern is not None:
            assert not [word for word in re.findall(r"\S+", text) if re.fullmatch(rule.format.pattern, word)]


def test_what_is_to_be_run_after_a_replacement_exists() -> None:
    from ops.phases.table import phases

    keys = {step.key for phase in phases() for step in phase.steps}
    for rule in contract.read().rules(STACK, "fly").values():
        assert set(rule.then) <= keys, rule.name
