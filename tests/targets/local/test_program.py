"""What the supervisor is told of a program arrives intact."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

import pytest
from supervisor.options import ServerOptions, UnhosedConfigParser

from ops.targets.local.layout import Layout
from ops.targets.local.program import Program


def section(program: Program, layout: Layout) -> dict[str, str]:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"))
    parser.read_string(program.ini(layout))
    return dict(parser[f"program:{program.name}"])


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    root = tmp_path / "100% of a folder's name"
    return Layout(root, root / ".state" / "local", tmp_path / "run", lambda: root / "fly")


def test_words_with_spaces_quotes_and_percent_signs_stay_one_word_each(layout: Layout) -> None:
    words = ("/bin/echo", "two words", "it's", 'a "quote"', "50%", "")
    command = section(Program("x", words, ()), layout)["command"].replace("%%", "%")
    assert tuple(shlex.split(command))[-len(words) :] == words


def test_the_supervisor_reads_the_paths_as_they_are(layout: Layout) -> None:
    """By its own parser, which expands `%` in some values once and in others twice."""
    layout.logs.mkdir(parents=True)
    parser = UnhosedConfigParser()
    parser.read_string(Program("x", ("/bin/echo", "50%", "%(ENV_HOME)s"), ()).ini(layout))
    (found,) = ServerOptions().processes_from_section(parser, "program:x", "x")
    assert found.stdout_logfile == str(layout.log("x"))
    assert shlex.split(found.command)[-3:] == ["/bin/echo", "50%", "%(ENV_HOME)s"]
    assert str(layout.pids / "x") in shlex.split(found.command)


def test_nothing_starts_before_a_step_starts_it(layout: Layout) -> None:
    assert section(Program("x", ("/bin/true",), ()), layout)["autostart"] == "false"


def test_it_names_the_file_of_variables_and_holds_none(layout: Layout) -> None:
    found = section(Program("x", ("/bin/true",), ()), layout)
    assert "environment" not in found
    assert "x.json" in found["command"]
