"""The report's page in a real browser: nothing is fetched, nothing is wrong, it fits a phone, and it can be read."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ops.monitor import page as made
from tests.lacking import lacking
from tests.monitor import browser
from tests.monitor.support import GOALS, Gateway, Holding, Silent, counted_as, look, traffic

CHROMIUM = browser.chromium()
IN_A_BROWSER = pytest.mark.skipif(CHROMIUM is None, reason=lacking("no Chromium is on this machine"))
PHONE, DESK = 390, 1100
SCHEMES = pytest.mark.parametrize("scheme", [browser.LIGHT, browser.DARK], ids=["light", "dark"])
WIDTHS = pytest.mark.parametrize("width", [PHONE, DESK], ids=["phone", "desk"])


@pytest.fixture(scope="module")
def page() -> str:
    requests = traffic()
    # One source that knows less than the other, so that every part of the page is there.
    return made.page(
        look(Holding(requests[5:]), Gateway(counted_as(requests), {"waiting": 3, "lost": 1})), GOALS, "shop"
    )


@pytest.fixture
def artefacts(tmp_path: Path) -> Path:
    """Where pictures are left: the folder that TEST_ARTEFACTS names, else the test's own."""
    folder = Path(os.environ.get("TEST_ARTEFACTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_it_holds_nothing_that_could_be_fetched_or_run(page: str) -> None:
    assert "<script" not in page
    assert re.findall(r'(?:src|href|url)\s*[=(]\s*"?(?!data:)[^"\s>]+', page) == []
    assert "default-src 'none'" in page


def test_names_from_outside_are_text(page: str) -> None:
    report = look(Silent([]), Gateway(None))
    assert "<b>" not in made.page(report, GOALS, "<b>shop</b>")


def test_unknown_is_written_out(page: str) -> None:
    text = made.page(look(Silent([]), Gateway(None)), GOALS, "shop")
    assert text.count("unknown") > 10
    assert "<svg" not in text
    assert "0.0%" not in text


@IN_A_BROWSER
@SCHEMES
@WIDTHS
def test_it_can_be_read(page: str, width: int, scheme: int, tmp_path: Path, artefacts: Path) -> None:
    """No request but for itself, no word on the console, no sideways scrolling, contrast AA for every text."""
    assert CHROMIUM
    shown = browser.show(CHROMIUM, page, tmp_path, width=width, scheme=scheme)
    assert [url for url in shown.asked if url not in ("/", "/page", "/favicon.ico")] == []
    assert [line for line in shown.console if "favicon" not in line] == []
    assert shown.measured["low"] == []
    assert shown.measured["wide"] == []
    assert shown.measured["scroll"] <= width
    assert shown.measured["texts"] > 100
    assert shown.measured["charts"] == 5
    dark = shown.measured["ground"] != "rgb(255, 255, 255)"
    assert dark == (scheme == browser.DARK)
    name = f"report-{width}-{'dark' if dark else 'light'}.png"
    height = shown.measured["height"]
    browser.picture(CHROMIUM, page, tmp_path, artefacts / name, width=width, height=height, scheme=scheme)
    assert (artefacts / name).stat().st_size > 10_000


@IN_A_BROWSER
def test_what_measures_can_fail(page: str, tmp_path: Path) -> None:
    """A page that fetches, speaks to the console, is too wide and too pale is told apart."""
    assert CHROMIUM
    bad = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page).replace(
        "</main>",
        '<p style="width:700px;color:#bbb">pale and wide</p><img src="http://127.0.0.1:9/x.png" alt="">'
        "<script>console.error('oh')</script></main>",
    )
    shown = browser.show(CHROMIUM, bad, tmp_path, width=PHONE)
    assert "http://127.0.0.1:9/x.png" in shown.asked
    assert any("oh" in line for line in shown.console)
    assert any("pale and wide" in line for line in shown.measured["low"])
    assert shown.measured["scroll"] > PHONE


@IN_A_BROWSER
def test_it_can_be_printed(page: str, tmp_path: Path, artefacts: Path) -> None:
    assert CHROMIUM
    browser.printed(CHROMIUM, page, tmp_path, artefacts / "report.pdf")
    assert (artefacts / "report.pdf").read_bytes().startswith(b"%PDF")
