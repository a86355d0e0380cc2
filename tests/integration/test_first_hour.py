"""The three first hours, each typed in as it stands: what appears is what the page says."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.checkout import ROOT, TIMEOUT, Checkout
from tests.integration.transcript import Step, differs, steps

PAGES = sorted(file for file in (ROOT / "docs" / "first-hour").glob("*.md") if file.name != "README.md")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, gateway_environment: None) -> Iterator[Checkout]:
    """A clone with nothing done in it; a page that comes after another finds what that one left."""
    checkout = Checkout(tmp_path_factory.mktemp("first-hour") / "checkout")
    yield checkout
    checkout.down()


def typed(checkout: Checkout, page: list[Step]) -> list[str]:
    """Each step's screen, standard output and errors together, typed into one shell one after the other."""
    mark = f"--{secrets.token_hex(8)}--"
    script = "".join(f"{step.commands}\necho {mark}\n" for step in page)
    done = subprocess.run(
        ["bash", "-s"],
        input=script,
        cwd=checkout.root,
        env={**checkout.environment(), "COLUMNS": "200"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    *screens, rest = done.stdout.split(f"{mark}\n")
    assert len(screens) == len(page), done.stdout
    assert rest == ""
    return screens


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_followed_to_the_letter_shows_what_it_says(clone: Checkout, page: Path) -> None:
    wanted = steps(page.read_text(encoding="utf-8"))
    assert len(wanted) >= 5
    for step, screen in zip(wanted, typed(clone, wanted), strict=True):
        line = differs(step.expected, screen)
        assert not line, f"{page.name}: after\n{step.commands}the page says\n{line}\nthe screen\n{screen}"


@pytest.mark.parametrize(
    ("expected", "screen", "says"),
    [
        (("a …", "b"), "a 1\nb\n", ""),
        (("…", "b"), "a\na\nb\n", ""),
        (("…", "b", "…"), "b\n", ""),
        (("…", "b"), "a\nb\nb\n", ""),
        (("a", "…", "c"), "a\nb\n", "c"),
        (("a",), "a\nb\n", "(the end: more lines came)"),
        (("a", "b"), "b\na\n", "a"),
        (("1 ok",), "11 ok\n", "1 ok"),
    ],
)
def test_a_screen_is_compared_line_by_line(expected: tuple[str, ...], screen: str, says: str) -> None:
    assert differs(expected, screen) == says
