"""Every error an operator can meet is explained, and nothing that does not exist is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from invoke import Context

from ops.commands import looking
from ops.document.explain import catalogue, only_on, text
from ops.runbook.advice import complete_with
from ops.runbook.console import error_lines
from ops.runbook.errors import RunbookError
from ops.session.opening import speaking_of

ROOT = Path(__file__).resolve().parents[2]
ASKED_ON_LOCAL = "FLY-051"  # met in a rehearsal that is asked for what production alone has
NAMES_PRODUCTION = ("CLI-011",)  # met on production alone
USED = re.compile(r"(?:\"|error )([A-Z][A-Z0-9]{1,6}-\d{3})(?:\"|:)")


@pytest.fixture(autouse=True)
def _advice_as_before() -> Iterator[None]:
    yield
    complete_with(str)


def used_codes() -> set[str]:
    files = [*(ROOT / "ops").rglob("*.py"), *(ROOT / "ops").glob("*.sh")]
    return {code for file in files for code in USED.findall(file.read_text())}


def test_every_code_in_the_source_is_explained() -> None:
    assert used_codes() - set(catalogue()) == set()


def test_every_explained_code_is_used() -> None:
    assert set(catalogue()) - used_codes() == set()


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_an_explanation_has_a_title_and_says_more_than_it(code: str) -> None:
    title, _, rest = text(code, "local").partition("\n\n")
    assert title.startswith(f"{code}: ")
    assert len(rest.split()) > 8


@pytest.mark.parametrize("code", sorted(catalogue()))
@pytest.mark.parametrize("target", ["fly", "local"])
def test_an_explanation_advises_only_what_works_on_its_target(
    code: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands of the rehearsal are no advice on production, and the others reach it as typed."""
    on = only_on(code) or target
    looking.explain(Context(), code, target)
    said = " ".join(capsys.readouterr().out.split("\n\n", 1)[1].split())
    commands = re.findall(r"inv (local\.[a-z]+|[a-z]+(?:\.[a-z]+)*)( --target fly)?", said)
    if on == "fly" and code != ASKED_ON_LOCAL:
        assert not [name for name, _ in commands if name.startswith("local.")]
        away = [name for name, there in commands if not there and not name.startswith(("explain", "dev."))]
        assert away == []
    elif on == "local":
        assert code in NAMES_PRODUCTION or not [name for name, there in commands if there]


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_an_explanation_fits_into_80_columns(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    looking.explain(Context(), code, "fly")
    long = [line for line in capsys.readouterr().out.splitlines() if len(line) > 80 and " " in line.strip()]
    assert long == []


def test_an_error_names_the_explanation_of_its_target() -> None:
    speaking_of("fly")
    assert "more: inv explain PG-032 --target fly" in "\n".join(error_lines(RunbookError("PG-032", "x")))
    speaking_of("local")
    assert error_lines(RunbookError("PG-032", "x"))[-1] == "  more: inv explain PG-032"
    with pytest.raises(RunbookError, match="no target 'moon'"):
        speaking_of("moon")


def test_an_unknown_code_is_an_error_that_suggests_a_near_one() -> None:
    with pytest.raises(RunbookError) as caught:
        text("STACK-003", "local")
    assert caught.value.code == "CLI-005"
    assert "STACK-00" in caught.value.why
