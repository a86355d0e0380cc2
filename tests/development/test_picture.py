"""The README's picture: what a run printed, drawn; nothing of the machine or the vault in it."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from ops.description.paths import ROOT
from ops.development import picture
from ops.runbook.secret import Secret


def words(svg: str) -> str:
    """The text of a drawing, with ordinary spaces."""
    found = "".join(ElementTree.fromstring(svg).itertext())
    return found.replace("\N{NO-BREAK SPACE}", " ")


def test_the_last_word_on_each_step_is_drawn_and_no_secret() -> None:
    Secret("very-secret-value")
    svg = picture.drawn(
        "…            1.1    Make: making\n"
        "changed      1.1    Make: made very-secret-value (0.1 s)\n"
        "1 changed in 0.1 s\n"
    )
    said = words(svg)
    assert "changed      1.1    Make: made [redacted] (0.1 s)" in said
    assert "making" not in said
    assert "1 changed in 0.1 s" in said
    assert "url(" not in svg.replace("url(#", ""), "it loads nothing"


def test_the_committed_picture_is_of_a_whole_run_that_ended_well() -> None:
    svg = (ROOT / picture.FILE).read_text()
    assert "url(" not in svg.replace("url(#", "")
    said = words(svg)
    assert "./inv deploy.all test.all" in said
    assert re.search(r"26 ok, 1 skipped in|[0-9]+ ok, [0-9]+ changed, 1 skipped in", said)
    for number in ("1.1", "2.4", "3.3.3", "4.6"):
        assert f" {number} " in said
    assert not re.search(r"failed|blocked|/root|/home|/tmp", said)
    assert f"({picture.FILE})" in (ROOT / "README.md").read_text()
