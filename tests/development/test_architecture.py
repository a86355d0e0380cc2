"""The page that shows the architecture: its drawing is the code's."""

from __future__ import annotations

from ops.description.paths import ROOT
from ops.development import architecture


def test_the_drawing_is_as_the_code_is() -> None:
    have = architecture.PAGE.read_text(encoding="utf-8")
    assert architecture.page(have) == have, "run: ./inv dev.architecture"


def test_what_is_reached_through_another_part_has_no_arrow_of_its_own() -> None:
    arrows = {"a": {"b", "c", "d"}, "b": {"c"}, "c": set(), "d": set()}
    assert architecture.reduced(arrows) == {"a": {"b", "d"}, "b": {"c"}, "c": set(), "d": set()}


def test_a_late_call_is_an_arrow_like_any_import() -> None:
    assert {"checks", "build", "document"} <= architecture.imports("ops", ROOT)["phases"]
