"""The page for handing over: from what is there, with nothing running, and as a reader sees it."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.services.endpoints import Endpoints
from ops.session import handoff, handoff_page
from ops.session.compose import compose
from tests.lacking import lacking
from tests.site import browser

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SEED = ("deployed and healthy", "Smoke test", "Exact cache", "Semantic cache", "Quotas", "Failover", "Cutover guide")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> handoff.Handoff:
    deployment = compose("local", {}, commands=lambda: ())
    state = tmp_path_factory.mktemp("state")
    return handoff.gather(
        dataclasses.replace(deployment, paths=dataclasses.replace(deployment.paths, state=state)), NOW
    )


def test_it_says_all_that_is_asked_of_it_and_is_not_complete_while_a_line_is_open(made: handoff.Handoff) -> None:
    text = made.markdown()
    assert not made.complete
    assert "not complete" in text
    assert [title for title, _ in made.parts] == [
        "Acceptance", "Versions and digests", "Verified on", "Open", "Costs", "Who gets the alerts", "The next dates",
    ]  # fmt: skip
    for line in SEED:
        assert line in text
    open_lines = re.findall(r"^\| [^|]+ \| ([^|]+) \| no \|", text, re.MULTILINE)
    assert open_lines
    for line in open_lines:
        assert f"- {line}: " in text


def test_what_could_not_be_seen_is_unknown(made: handoff.Handoff) -> None:
    assert "| last deploy | unknown |" in made.markdown()
    nowhere = Endpoints("https://gateway.invalid", "https://langfuse.invalid", "127.0.0.1:1")
    assert handoff.certificate_ends(nowhere) == "unknown"


def test_it_is_one_file_that_is_read_on_a_phone_and_printed(made: handoff.Handoff, tmp_path: Path) -> None:
    if browser.executable() is None:
        pytest.skip(lacking("no Chromium"))
    file = tmp_path / "handoff.html"
    file.write_text(handoff_page.page(made.markdown()))
    (tmp_path / "profile").mkdir()
    with browser.page(tmp_path / "profile") as page:
        page.size(390, 844, dark=True)
        page.open(file.as_uri())
        assert page.run("document.documentElement.scrollWidth") <= 390
        assert page.run("document.querySelectorAll('table').length") == 5
        channels = "c => c.match(/[0-9.]+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) / 3"
        style = "getComputedStyle(document.body)"
        background, text = page.run(f"[{style}.backgroundColor, {style}.color].map({channels})")
        assert text - background > 120
        assert page.requests == [file.as_uri()]
        assert page.complaints == []
        page.printed(tmp_path / "handoff.pdf")
    assert (tmp_path / "handoff.pdf").read_bytes().startswith(b"%PDF")
