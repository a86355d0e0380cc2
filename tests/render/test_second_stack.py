from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.build import rendered as steps
from ops.build.files import drift, write
from ops.description.paths import ROOT
from ops.render import render_all
from tests.render.support import SECOND_STACK_FILE, STACK_FILE, deployment, stack

# Names of programs, and plain words, which any stack's files hold.
ORDINARY = {"langfuse", "minio", "tigris", "admin", "content", "analytics"}


def words(value: Any) -> Iterator[str]:
    """Every text and every port in a table, and the names of its teams."""
    if isinstance(value, dict):
        for name, below in value.items():
            if name == "teams":
                yield from below
            yield from words(below)
    elif isinstance(value, list):
        for below in value:
            yield from words(below)
    elif isinstance(value, str) and value:
        yield value


def first_companys_words() -> set[str]:
    first, second = (set(words(tomllib.loads(file.read_text()))) for file in (STACK_FILE, SECOND_STACK_FILE))
    return {word for word in first - second - ORDINARY if not word.startswith("/")}


def test_nothing_of_the_first_company_is_left_in_the_seconds_files() -> None:
    left = [
        f"{name}: {word}"
        for name, text in render_all(stack(SECOND_STACK_FILE)).items()
        for word in first_companys_words()
        if re.search(rf"(?<![\w.-]){re.escape(word)}(?![\w-])", text)
    ]
    assert left == []


def test_the_first_companys_ports_are_not_left_either() -> None:
    ports = tomllib.loads(STACK_FILE.read_text())["ports"].values()
    text = "\n".join(render_all(stack(SECOND_STACK_FILE)).values())
    assert [port for port in ports if re.search(rf"\b{port}\b", text)] == []


def test_the_runbook_itself_knows_no_company() -> None:
    first = tomllib.loads(STACK_FILE.read_text())
    names = {
        first["stack"]["name"],
        first["stack"]["agent"],
        first["stack"]["operator_email"].partition("@")[0],
        first["domains"]["gateway"].split(".")[-2],
        first["fly"]["app"],
        *(name for name in first["teams"] if "_" in name),
    }
    pattern = re.compile("|".join(rf"(?<![a-z0-9]){re.escape(name)}" for name in names), re.IGNORECASE)
    sources = [
        file
        for file in sorted((ROOT / "ops").rglob("*"))
        if file.suffix in {".py", ".j2", ".sh", ".sql"} and "__pycache__" not in file.parts
    ]
    assert len(sources) > 20
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in sources
        for number, line in enumerate(file.read_text().splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []


def test_it_renders_validates_and_settles(tmp_path: Path) -> None:
    here = deployment(tmp_path, SECOND_STACK_FILE)
    write(here.stack, here.gateway_dir)
    assert drift(here.stack, here.gateway_dir) == ""
    assert not (here.gateway_dir / "minio").exists()
    for part in (steps.DOCKERFILE, steps.SCRIPTS, steps.CONFIG, steps.FLY):
        part.act(here, lambda text: None)
        look = part.look(here)
        assert look.satisfied, look
        assert "pin by digest" not in look.evidence


def test_one_domain_serves_the_gateway_and_everything_else_is_langfuse() -> None:
    text = render_all(stack(SECOND_STACK_FILE))["config/Caddyfile"]
    assert text.count("http://llm.nordlicht.example:8181 {") == 1
    assert "import langfuse" in text
    assert "error 404" not in text


@pytest.mark.parametrize("group", ["edge", "gateway", "ui", "worker"])
def test_each_group_has_the_size_the_stack_gives_it(group: str) -> None:
    data = tomllib.loads(render_all(stack(SECOND_STACK_FILE))["fly.toml"])
    sizes = {vm["processes"][0]: (vm["memory"], vm["cpus"]) for vm in data["vm"]}
    wanted = getattr(stack(SECOND_STACK_FILE).fly.groups, group)
    assert sizes[group] == (f"{wanted.memory_mb}mb", wanted.cpus)


def test_names_with_quotes_and_umlauts_arrive_whole() -> None:
    env = tomllib.loads(render_all(stack(SECOND_STACK_FILE))["fly.toml"])["env"]
    assert env["LANGFUSE_INIT_ORG_NAME"] == 'Nordlicht GmbH & Co. "KG"'
    assert env["LANGFUSE_INIT_PROJECT_NAME"] == "Sprachmodelle: Übersicht"
