"""A part of a library is spared while it is imported, and there for whoever wants it later."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ops.runbook.loading import spared
from ops.world import ROOT


def test_a_spared_module_is_not_loaded_and_can_be_loaded_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with spared("colorsys", "rgb_to_hls"):
        from colorsys import rgb_to_hls as nothing
    assert isinstance(nothing, type)
    from colorsys import rgb_to_hls

    assert rgb_to_hls(1, 1, 1)


def test_one_that_is_loaded_already_stays_as_it_is() -> None:
    import json

    with spared("json", "dumps"):
        from json import dumps
    assert dumps is json.dumps


@pytest.mark.parametrize(
    ("name", "word", "library", "use"),
    [
        ("httpx._main", "main", "httpx", "httpx.Client().close()"),
        ("unittest.mock", "Mock", "invoke.program", "invoke.program.Program()"),
    ],
)
def test_the_libraries_that_are_spared_something_work_without_it(name: str, word: str, library: str, use: str) -> None:
    text = f"""
import sys
from ops.runbook.loading import spared
with spared({name!r}, {word!r}):
    import {library}
assert {name!r} not in sys.modules
{use}
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr
