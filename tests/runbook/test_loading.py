"""A part of a library is spared while it is imported, and there for whoever wants it later."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.description.paths import ROOT
from ops.runbook.loading import deferred, spared


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
from pathlib import Path
from ops.runbook.loading import deferred, spared
with spared({name!r}, {word!r}):
    import {library}
assert {name!r} not in sys.modules
{use}
"""
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_a_deferred_module_is_executed_at_its_first_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "seldom_used.py").write_text("import sys\nsys.seldom_used_ran = True\nvalue = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "seldom_used_ran", False, raising=False)
    with deferred("seldom_used"):
        module = importlib.import_module("seldom_used")
    assert not sys.seldom_used_ran  # type: ignore[attr-defined]
    assert module.value == 7
    assert sys.seldom_used_ran  # type: ignore[attr-defined]
    monkeypatch.delitem(sys.modules, "seldom_used")


def test_settings_in_yaml_still_reach_invoke(tmp_path: Path) -> None:
    (tmp_path / ".invoke.yaml").write_text("run: {dry: true}\n")
    text = """
import sys
from pathlib import Path
from ops.runbook.loading import deferred
with deferred("invoke.vendor.yaml"):
    import invoke.program
assert "invoke.vendor.yaml.loader" not in sys.modules
config = invoke.program.Config()
config.load_user()
config.merge()
assert config.run.dry is True
"""
    done = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
