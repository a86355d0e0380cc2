"""Every error an operator can meet is explained, and nothing that does not exist is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops.document.explain import catalogue, text
from ops.runbook.errors import RunbookError

ROOT = Path(__file__).resolve().parents[1]
USED = re.compile(r"(?:\"|error )([A-Z][A-Z0-9]{1,6}-\d{3})(?:\"|:)")


def used_codes() -> set[str]:
    files = [*(ROOT / "ops").rglob("*.py"), *(ROOT / "ops").glob("*.sh")]
    return {code for file in files for code in USED.findall(file.read_text())}


def test_every_code_in_the_source_is_explained() -> None:
    assert used_codes() - set(catalogue()) == set()


def test_every_explained_code_is_used() -> None:
    assert set(catalogue()) - used_codes() == set()


@pytest.mark.parametrize("code", sorted(catalogue()))
def test_an_explanation_has_a_title_and_says_more_than_it(code: str) -> None:
    title, _, rest = text(code).partition("\n\n")
    assert title.startswith(f"{code}: ")
    assert len(rest.split()) > 8


def test_an_unknown_code_is_an_error_that_suggests_a_near_one() -> None:
    with pytest.raises(RunbookError) as caught:
        text("STACK-003")
    assert caught.value.code == "CLI-005"
    assert "STACK-00" in caught.value.why
