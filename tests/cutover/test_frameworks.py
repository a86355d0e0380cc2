"""The frameworks' data: complete, filled in from the stack, and nothing in it that a reader could not type."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ops.cutover import settings, show
from ops.cutover.frameworks import FILE, Framework, frameworks
from ops.description.paths import ROOT
from ops.description.read import read
from ops.runbook.errors import RunbookError
from ops.session.compose import compose

STACK = compose("local", {}).stack
ALL = frameworks(STACK)
SECOND = ROOT / "tests" / "fixtures" / "second-stack" / "stack.toml"


def named(framework: Framework) -> str:
    return framework.id


def test_every_framework_the_teams_use_is_there_once() -> None:
    packages = [framework.package for framework in ALL]
    assert len({framework.id for framework in ALL}) == len(ALL)
    for package in (
        "openai",
        "@openai/agents",
        "openai-agents",
        "langchain-openai",
        "@langchain/openai",
        "llama-index-llms-openai",
        "@llamaindex/openai",
        "@ai-sdk/openai",
        "instructor",
        "curl",
    ):
        assert package in packages
    assert packages.count("openai") == 2, "Python's and Node's"
    assert any(package.startswith("pydantic-ai") for package in packages)


@pytest.mark.parametrize("framework", ALL, ids=named)
def test_each_leads_to_the_gateway_and_shows_user_and_cache_control_at_work(framework: Framework) -> None:
    assert f"https://{STACK.domains.gateway}/v1" in [variable.value for variable in framework.variables]
    assert "customer-123" in framework.example
    assert re.search(r"['\"]?Cache-Control['\"]?: ['\"]?no-store", framework.example)
    assert "{{" not in framework.example
    assert "sk-" not in framework.example


@pytest.mark.parametrize("framework", [item for item in ALL if item.language == "python"], ids=named)
def test_a_python_example_is_python(framework: Framework) -> None:
    compile(framework.example, framework.id, "exec")


@pytest.mark.parametrize("id", ["agents-js", "agents-python"])
def test_the_agents_sdks_get_the_third_and_fourth_setting(id: str) -> None:
    """G32: with two settings they ask for a model that is not there and send their traces past the gateway."""
    (framework,) = frameworks(STACK, id)
    values = {variable.name: variable.value for variable in framework.variables}
    assert values["OPENAI_DEFAULT_MODEL"] == STACK.models.default
    assert values["OPENAI_AGENTS_DISABLE_TRACING"] == "1"


def test_another_stack_has_its_own_names() -> None:
    other = read(SECOND, {})
    text = repr(frameworks(other))
    assert other.domains.gateway in text
    assert STACK.domains.gateway not in text
    assert STACK.domains.gateway not in FILE.read_text()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("{{ model }}", "{{ modell }}"), "modell"),
        (('language = "python"\n', ""), "language"),
        (('id = "curl"', 'id = "curl"\ncolour = "red"'), "colour"),
        (("[[framework]]", "[[framework"), "framework"),
        (("[[framework]]", "[[frame]]"), "framework"),
        (("{{ base_v1 }}", "{{ base_v1 "), "base_v1"),
    ],
)
def test_a_broken_file_is_said_in_one_sentence(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    file = tmp_path / "frameworks.toml"
    text = FILE.read_text()
    assert change[0] in text
    file.write_text(text.replace(*change))
    with pytest.raises(RunbookError) as caught:
        frameworks(STACK, file=file)
    assert caught.value.code == "CUT-004"
    assert says in caught.value.what


def test_the_plan_names_the_key_and_where_it_lies_for_people_and_for_programs() -> None:
    deployment = compose("local", {})
    made = replace(settings.settings(deployment, "prod_ceo"), reach="")
    lines = "\n".join(show.plan_lines(made, "fly"))
    told = json.loads(show.plan_document(made, "fly"))
    assert "PROD_CEO_KEY" in lines
    assert told["key"]["secret"] == "PROD_CEO_KEY"
    assert [framework["id"] for framework in told["frameworks"]] == [framework.id for framework in ALL]
    for framework in ALL:
        for variable in framework.variables:
            assert f"{variable.name}={variable.value}" in lines


def test_the_way_back_takes_back_all_that_was_set() -> None:
    made = settings.settings(compose("local", {}), "prod_ceo")
    lines = "\n".join(show.back_lines(made, "fly"))
    for framework, told in zip(ALL, json.loads(show.back_document(made, "fly"))["frameworks"], strict=True):
        names = [variable.name for variable in framework.variables]
        assert told["unset"] == names
        assert f"fly secrets unset --stage {' '.join(names)} --app AGENT_APP" in lines
