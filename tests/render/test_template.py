"""Templates are compiled once, and compiled again when they change or where nothing can be kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.render import template


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(template, "TEMPLATES", tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "greeting").write_text("Hello {{ name }}", encoding="utf-8")
    template._environment.cache_clear()
    yield tmp_path
    template._environment.cache_clear()


def fill_afresh(**values: str) -> str:
    """As the next command does."""
    template._environment.cache_clear()
    return template.fill("greeting", **values)


def test_what_was_compiled_is_used_by_the_next_command(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fill_afresh(name="Ada") == "Hello Ada"
    kept = list((folder / "__pycache__").iterdir())
    assert len(kept) == 1

    def refuse(*args: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr("jinja2.Environment.compile", refuse)
    assert fill_afresh(name="Grace") == "Hello Grace"


def test_a_changed_template_is_compiled_again(folder: Path) -> None:
    fill_afresh(name="Ada")
    (folder / "greeting").write_text("Good day {{ name }}", encoding="utf-8")
    assert fill_afresh(name="Ada") == "Good day Ada"


def test_a_damaged_file_is_no_obstacle(folder: Path) -> None:
    fill_afresh(name="Ada")
    for kept in (folder / "__pycache__").iterdir():
        kept.write_bytes(kept.read_bytes()[:20])
    assert fill_afresh(name="Ada") == "Hello Ada"


def test_where_nothing_can_be_kept_everything_works(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "__pycache__").write_text("no folder", encoding="utf-8")
    assert fill_afresh(name="Ada") == "Hello Ada"
    (folder / "__pycache__").unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert fill_afresh(name="Ada") == "Hello Ada"
    assert not (folder / "__pycache__").exists()
