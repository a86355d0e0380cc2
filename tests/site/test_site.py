"""The site: made from the guides as they are, without the internet, and as a reader sees it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.description.paths import ROOT
from ops.development import site
from ops.runbook.errors import RunbookError
from tests.lacking import lacking
from tests.site import browser

WANTED = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
PHONE = (390, 844)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site.build(tmp_path_factory.mktemp("built") / "site").parent


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[browser.Page]:
    if browser.executable() is None:
        pytest.skip(lacking("no Chromium"))
    with browser.page(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def test_every_document_is_in_it() -> None:
    found = {str(file.relative_to(ROOT)) for _, files in site.pages() for file in files}
    docs = {str(file.relative_to(ROOT)) for file in (ROOT / "docs").rglob("*.md")}
    assert found >= docs | WANTED


def test_the_decisions_are_all_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\(([^)]+)\)", (folder / "README.md").read_text()))
    assert listed == {file.name for file in folder.glob("0*.md")}


def _copy(root: Path) -> Path:
    """The documents alone, and the pictures in them."""
    shutil.copytree(ROOT / "docs", root / "docs", ignore=shutil.ignore_patterns("*.lock"))
    for _, files in site.pages():
        for file in files:
            target = root / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    return root


def test_each_broken_link_or_anchor_fails_the_build_and_leaves_the_old_site(tmp_path: Path) -> None:
    root = _copy(tmp_path / "root")
    broken = {
        "README.md": "docs/nowhere.md",
        "CONTRIBUTING.md": "docs/architecture.md#no-such-heading",
        "CHANGELOG.md": "#no-such-heading-here",
    }
    for name, target in broken.items():
        with (root / name).open("a") as document:
            document.write(f"\n[gone]({target})\n")
    with (root / "docs" / "first-hour" / "README.md").open("a") as document:
        document.write("\n![gone](nowhere.svg)\n")
    broken["docs/first-hour/README.md"] = "nowhere.svg"
    with pytest.raises(RunbookError) as caught:
        site.build(tmp_path / "site", root)
    assert caught.value.code == "DOC-004"
    for name, target in broken.items():
        (said,) = [line for line in caught.value.why.splitlines() if line.startswith(f"{name}:")]
        assert target.rpartition("#")[2] in said
    assert list(tmp_path.iterdir()) == [root]


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    with pytest.raises(RunbookError) as caught:
        site.build(tmp_path)
    assert caught.value.code == "DOC-005"
    assert mine.read_text() == "mine"


def test_what_is_read_in_a_browser_is_whole_at_every_width_and_in_the_dark(built: Path, page: browser.Page) -> None:
    files = sorted(file for file in built.rglob("*.html"))
    assert len(files) > 15
    page.requests.clear()
    page.complaints.clear()
    for file in files:
        page.size(*PHONE)
        page.open(file.as_uri())
        assert page.run("document.documentElement.scrollWidth") <= PHONE[0], file.name
        page.size(*PHONE, dark=True)
        light = "c => c.match(/[0-9.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) / 3"
        colours = (
            f"[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color].map({light})"
        )
        background, text = page.run(colours)
        assert text - background > 120, (file.name, background, text)
    page.open((built / "README.html").as_uri())
    assert page.run("document.querySelector('article img').naturalWidth") > 0
    assert page.complaints == []
    assert [address for address in page.requests if not address.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize(("word", "guide"), [("rotation", "llm-gateway-rotation"), ("failover", "llm-gateway-testing")])
def test_search_finds_without_a_server(built: Path, page: browser.Page, word: str, guide: str) -> None:
    page.complaints.clear()
    assert guide in _search(built, page, word)
    assert _search(built, page, "zqxjwv") == ""
    assert page.complaints == []


def _search(built: Path, page: browser.Page, word: str) -> str:
    """The addresses of what is found, once the search says that it is through."""
    page.open(f"{(built / 'search.html').as_uri()}?q={word}")
    page.wait("/finished|did not match/i.test(document.querySelector('#search-results')?.textContent)")
    found: str = page.run("Array.from(document.querySelectorAll('#search-results li a')).map(a => a.href).join(' ')")
    return found
