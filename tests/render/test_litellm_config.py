from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.description.paths import ROOT
from ops.render import render_all
from tests.lacking import lacking
from tests.render.support import SECOND_STACK_FILE, STACK_FILE, stack

EXPECTED = ROOT / "tests" / "fixtures" / "litellm.config.expected.yaml"
GATEWAY_PYTHON = ROOT / ".venv-gateway" / "bin" / "python"


def config(**overrides: str) -> Any:
    return yaml.safe_load(render_all(stack(STACK_FILE, **overrides))["config/litellm.config.yaml"])


def test_the_configuration_says_what_the_gateway_expects() -> None:
    overrides = {
        "MODELS__TIMEOUT_S": "60",
        "EDGE__MAX_BODY": '"2MiB"',
        "CACHE__CANDIDATE_FROM": "0.50",
        "CACHE__ALIASES": "[]",
        "MODELS__PRICES": "{gpt-4o-mini = {input = 0.15, output = 0.60}, gpt-4o = {input = 2.50, output = 10.00}, "
        "text-embedding-3-large = {input = 0.13, output = 0.0}}",
    }
    assert config(**overrides) == yaml.safe_load(EXPECTED.read_text())


def test_aliases_arrive_word_for_word() -> None:
    group = ['What\'s "this": {a}?', "C:\\path # no comment", "naïve – 返品"]
    found = config(CACHE__ALIASES=json.dumps([group]))["gateway"]["cache"]["semantic"]["aliases"]
    assert found == [group]


def test_without_a_semantic_cache_there_is_no_semantic_section() -> None:
    assert "semantic" not in config(CACHE__SEMANTIC="false")["gateway"]["cache"]


def test_machines_that_share_the_limits_are_counted() -> None:
    assert config(FLY__GROUPS__GATEWAY__COUNT="4")["gateway"]["gateways"] == 4


def test_a_default_model_that_is_its_own_fallback_is_listed_once_and_has_none() -> None:
    document = config(MODELS__FALLBACK='"gpt-4o-mini"')
    assert [model["model_name"] for model in document["model_list"]] == ["gpt-4o-mini", "text-embedding-3-large"]
    assert document["gateway"]["fallback"] == {}


def test_fractions_of_a_dollar_survive() -> None:
    assert config(TEAMS__PROD_CEO__DAILY_USD="0.75")["gateway"]["teams"]["prod_ceo"]["daily_usd"] == 0.75


@pytest.mark.skipif(not GATEWAY_PYTHON.exists(), reason=lacking("no gateway environment", "./inv local.environment"))
@pytest.mark.parametrize("file", [STACK_FILE, SECOND_STACK_FILE], ids=["first", "second"])
def test_the_gateways_own_parser_takes_it(file: Path, tmp_path: Path) -> None:
    rendered = tmp_path / "litellm.config.yaml"
    rendered.write_text(render_all(stack(file))["config/litellm.config.yaml"])
    program = (
        "import pathlib, sys; from llm_gateway.config import load as r; print(len(r(pathlib.Path(sys.argv[1])).teams))"
    )
    done = subprocess.run(
        [GATEWAY_PYTHON, "-B", "-c", program, rendered],
        env={"PYTHONPATH": str(ROOT / stack().stack.folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) == len(stack(file).teams)


@pytest.mark.parametrize("usd", ["0.000001", "0.1", "25", "1e-9", "123456789.5"])
def test_a_number_of_any_size_arrives_as_a_number(usd: str) -> None:
    """YAML 1.1 takes 1e-06 for a text."""
    found = config(TEAMS__PROD_CEO__DAILY_USD=usd)["gateway"]["teams"]["prod_ceo"]["daily_usd"]
    assert found == float(usd)
