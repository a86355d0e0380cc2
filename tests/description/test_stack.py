"""The stack file: typed, overridable, and refused with file, key and remedy."""

from __future__ import annotations

import functools
import json
import operator
import tomllib
from pathlib import Path

import pytest

from ops.description import schema
from ops.description.read import read
from ops.runbook.errors import RunbookError

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "ops" / "stack.toml").read_text()


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "stack.toml"
    file.write_text(text)
    return file


def refused(file: Path, environ: dict[str, str] | None = None) -> RunbookError:
    with pytest.raises(RunbookError) as caught:
        read(file, environ or {})
    return caught.value


def test_the_schema_for_editors_is_the_one_the_types_give_and_the_stack_file_names_it() -> None:
    first = TEXT.splitlines()[0]
    assert first.startswith("#:schema ")
    named = (ROOT / "ops" / first.removeprefix("#:schema ")).resolve()
    assert named == schema.FILE
    assert schema.FILE.read_text() == schema.text(), "to renew it: python -m ops.description.schema"


def test_the_schema_takes_our_stack_and_refuses_what_the_types_refuse() -> None:
    from jsonschema import Draft202012Validator

    check = Draft202012Validator(json.loads(schema.text()))
    ours = tomllib.loads(TEXT)
    assert list(check.iter_errors(ours)) == []
    for place, value in (("fly.region", 3), ("fly.regin", "ord"), ("storage.provider", "s3"), ("teams.admin.rpm", "x")):
        wrong = tomllib.loads(TEXT)
        *tables, key = place.split(".")
        functools.reduce(operator.getitem, tables, wrong)[key] = value
        assert len(list(check.iter_errors(wrong))) == 1, place


@pytest.mark.parametrize(
    ("override", "meant"),
    [
        ("STACK__FLY__REGIN", "did you mean region?"),
        ("STACK__TEAMS__ADMIN__RPN", "did you mean rpm?"),
        ("STACK__FLY__GROUPS__UI__CPU", "did you mean cpus?"),
        ("STACK__FLYY__APP", "did you mean fly?"),
        ("STACK__MODELS__PRICES__M__INPT", "did you mean input?"),
        ("STACK__PORTS__XYZZY", "known here: edge, gateway, ui, worker"),
    ],
)
def test_a_near_miss_of_a_key_gets_a_suggestion(override: str, meant: str) -> None:
    assert refused(ROOT / "ops" / "stack.toml", {override: "1"}).why.startswith(meant)


def test_the_seeds_teams_and_limits_are_in_it() -> None:
    teams = {
        team.name: (team.rpm, team.tpm, team.daily_usd) for team in read(ROOT / "ops" / "stack.toml", {}).resolved_teams
    }
    assert teams == {
        "prod_customer": (100, 200000, 50),
        "prod_ceo": (60, 120000, 25),
        "prod_background": (30, 60000, 10),
        "admin": (200, 500000, 100),
        "probe": (100, 200000, 50),
    }


def test_the_environment_overrides_a_value() -> None:
    stack = read(ROOT / "ops" / "stack.toml", {"STACK__FLY__ORG": "acme", "STACK__TEAMS__PROD_CEO__RPM": "90"})
    assert stack.fly.org == "acme"
    assert {team.name: team.rpm for team in stack.resolved_teams}["prod_ceo"] == 90


def test_a_mirror_follows_the_team_it_mirrors() -> None:
    stack = read(ROOT / "ops" / "stack.toml", {"STACK__TEAMS__PROD_CUSTOMER__RPM": "7"})
    assert {team.name: team.rpm for team in stack.resolved_teams}["probe"] == 7


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [
        ("version = 1", "version = = 1", "STACK-001", "line"),
        ("version = 1", "version = 2", "STACK-002", "version"),
        ("rpm = 60", 'rpm = "sixty"', "STACK-002", "teams.prod_ceo.rpm"),
        ("rpm = 60", "rpm = 0", "STACK-002", "teams.prod_ceo"),
        ("rpm = 60", "rpn = 60", "STACK-002", "rpn"),
        ('region = "ord"', "", "STACK-002", "region"),
        ('mirrors = "prod_customer"', 'mirrors = "nobody"', "STACK-002", "nobody"),
        ('key = "PROD_CEO_KEY"', 'key = "ADMIN_KEY"', "STACK-002", "share one key"),
        ('fallback = "gpt-4o"', 'fallback = "gpt-5"', "STACK-002", "no price for gpt-5"),
        ("ui = 3000", "ui = 4000", "STACK-002", "port"),
        ('max_body = "2MB"', 'max_body = "lots"', "STACK-002", "edge.max_body: 'lots'"),
        ("[models]", "[[models]]", "STACK-002", "models"),
    ],
)
def test_a_wrong_stack_file_is_refused_naming_file_and_key(
    tmp_path: Path, old: str, new: str, code: str, says: str
) -> None:
    assert old in TEXT
    file = written(tmp_path, TEXT.replace(old, new, 1))
    error = refused(file)
    assert error.code == code
    assert str(file) in error.what
    assert says in error.what
    assert error.next


def test_a_missing_file_and_a_wrong_override_are_refused(tmp_path: Path) -> None:
    error = refused(tmp_path / "none.toml")
    assert (error.code, error.next) == ("STACK-001", f"git checkout {tmp_path / 'none.toml'}")
    assert "RUNBOOK_STACK" in refused(tmp_path / "none.toml", {"RUNBOOK_STACK": str(tmp_path / "none.toml")}).next
    error = refused(ROOT / "ops" / "stack.toml", {"STACK__FLY__REGON": "ams"})
    assert error.code == "STACK-002"
    assert "regon" in error.what
    assert "unset STACK__FLY__REGON" in error.next


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("daily_usd = 25", "daily_usd = nan", "teams.prod_ceo.daily_usd"),
        ("daily_usd = 25", "daily_usd = inf", "teams.prod_ceo.daily_usd"),
        ('folder = "fly/hotdash-llm-gateway"', 'folder = "../escape"', "stack.folder"),
        ('folder = "fly/hotdash-llm-gateway"', 'folder = "/etc"', "stack.folder"),
        ('vault = "vault/hotrodan', 'vault = "vault/../../hotrodan', "stack.vault"),
        ('paths = ["/v1/chat/completions"', 'paths = ["/*"', "edge.paths"),
        ('paths = ["/v1/chat/completions"', 'paths = ["/gateway/*"', "edge.paths"),
        ('paths = ["/v1/chat/completions"', 'paths = ["/gateway/admin/teams"', "edge.paths"),
        ('paths = ["/v1/chat/completions"', 'paths = ["/a b }"', "edge.paths"),
        ('key = "PROD_CEO_KEY"', 'key = "$(id)"', "teams.prod_ceo.key"),
        ('key = "PROD_CEO_KEY"', 'key = "A\\nB"', "teams.prod_ceo.key"),
        ("[teams.prod_ceo]", '[teams."prod ceo"]', "teams.prod ceo"),
        ("memory_mb = 256\ncpus = 1", "memory_mb = 256\ncpus = 3", "fly.groups.edge.cpus"),
        ("[fly.groups.edge]\ncount = 2", "[fly.groups.edge]\ncount = 0", "fly.groups.edge.count"),
        ("memory_mb = 256", "memory_mb = 300", "fly.groups.edge.memory_mb"),
        ('region = "ord"', 'region = "moon"', "fly.region"),
        ('schema = "langfuse"', 'schema = "langfuse; DROP SCHEMA public"', "postgres.schema"),
        ('gateway = "gateway.hotrodan.com"', 'gateway = "https://gateway.hotrodan.com"', "domains.gateway"),
        ("gateway = 4000", "gateway = 80", "ports.gateway"),
        ('app = "hotdash-llm-gateway"', 'app = "HotDash_Gateway"', "fly.app"),
        ("exact_ttl_s = ", "exact_ttl_s = -", "cache.exact_ttl_s"),
    ],
)  # fmt: skip
def test_values_that_would_do_harm_are_refused_with_file_line_and_key(
    tmp_path: Path, old: str, new: str, key: str
) -> None:
    """R22: they would be rendered into scripts, SQL, routes and paths."""
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    file = written(tmp_path, text)
    error = refused(file)
    assert error.code == "STACK-002"
    place, _, said = error.what.partition(": ")
    assert said.startswith(f"{key}: ")
    line = int(place.removeprefix(f"{file}, line "))
    assert key.rpartition(".")[2] in text.splitlines()[line - 1]
    assert str(file) in error.next
