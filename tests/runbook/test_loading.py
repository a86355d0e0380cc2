"""A part of a library is spared while it is imported, and there for whoever wants it later."""

from __future__ import annotations

import sys

import pytest

from ops.runbook.loading import spared


def test_a_spared_module_is_not_loaded_and_can_be_loaded_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with spared("colorsys", "rgb_to_hls"):
        from colorsys import rgb_to_hls as nothing
    assert nothing is None
    from colorsys import rgb_to_hls

    assert rgb_to_hls(1, 1, 1)


def test_one_that_is_loaded_already_stays_as_it_is() -> None:
    import json

    with spared("json", "dumps"):
        from json import dumps
    assert dumps is json.dumps
