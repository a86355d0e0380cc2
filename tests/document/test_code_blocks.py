"""Every code block of every document is parsed by what will read it; every `./inv` line by the real command table."""

from __future__ import annotations

import ast
import functools
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from invoke.exceptions import ParseError
from invoke.parser import Parser, ParserContext

from ops.commands.namespace import namespace
from ops.description.paths import ROOT
from ops.development import drawing, site
from tests.lacking import lacking

FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[\w-]*)\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`(?P<text>(?:\w+=\S+ )?(?:\./)?inv [^`]+)`")
COMMAND = re.compile(r"(?:^|[\s(\"'`])(?:\./inv|inv)(?P<words>(?: +(?:'[^']*'|\"[^\"]*\"|[^\s|;&)<>`\"']+))+)")
SCREENS = {"", "text"}
"""What is shown, not typed."""
TYPED = {"bash", "python", "javascript", "mermaid", *SCREENS}


@dataclass(frozen=True)
class Block:
    """A code block, or a command in the middle of a sentence (language `inline`)."""

    file: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def _blocks() -> Iterator[Block]:
    for _, files in site.pages():
        for file in files:
            text = file.read_text(encoding="utf-8")
            name = str(file.relative_to(ROOT))
            for kind, pattern in (("", FENCE), ("inline", INLINE)):
                source = FENCE.sub(lambda match: "\n" * match[0].count("\n"), text) if kind else text
                for match in pattern.finditer(source):
                    line = source.count("\n", 0, match.start()) + 1
                    yield Block(
                        name,
                        line,
                        kind or match["language"],
                        " ".join(match["text"].split()) if kind else match["text"],
                    )


BLOCKS = list(_blocks())


def of(*languages: str) -> list[Block]:
    found = [block for block in BLOCKS if block.language in languages]
    assert found
    return found


def commands(text: str) -> Iterator[list[str]]:
    """The words behind each `inv` of a shell text, without comments; a backslash joins lines."""
    for line in text.replace("\\\n", " ").splitlines():
        code = re.sub(r"(^|\s)#.*", "", line)
        for match in COMMAND.finditer(code):
            yield shlex.split(match["words"])


table = functools.cache(namespace)


def understood(words: list[str]) -> None:
    """Have Invoke's own parser read them, against the tasks there are.

    Raises:
        ParseError, ValueError: it does not.
    """
    tasks = table()
    while words and words[0] in ("--dry", "--list", "--help", "--version", "-h", "-l"):
        if words[0] != "--dry":
            words = words[1:2] if words[0] in ("--help", "-h") else []
            assert not words or words[0].isupper() or words[0] in tasks.task_names, words
            return
        words = words[1:]
    parsed = Parser(initial=ParserContext(), contexts=tasks.to_contexts(), ignore_unknown=False).parse_argv(words)
    assert len(parsed) > 1, words


def test_every_block_says_what_it_is_in() -> None:
    assert {block.language for block in BLOCKS} <= TYPED | {"inline"}


@pytest.mark.parametrize("block", [block for block in of("bash", "inline") if list(commands(block.text))], ids=str)
def test_every_command_is_one_with_its_options(block: Block) -> None:
    for words in commands(block.text):
        understood(words)


@pytest.mark.parametrize(
    "line",
    [
        "./inv deploy.everything",
        "./inv plan --costly",
        "./inv cutover.verify --team",
        "./inv vault.get",
        "./inv --dry plan --x",
    ],
)
def test_a_wrong_one_is_seen(line: str) -> None:
    (words,) = commands(line)
    with pytest.raises((ParseError, AssertionError)):
        understood(words)


@pytest.mark.parametrize("block", of("bash"), ids=str)
def test_a_shell_block_is_shell(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_a_python_block_is_python(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.parametrize("block", of("javascript"), ids=str)
def test_a_javascript_block_is_javascript(block: Block, tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip(lacking("no Node", ""))
    file = tmp_path / "block.mjs"
    file.write_text(block.text)
    done = subprocess.run([node, "--check", file], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", of("mermaid"), ids=str)
def test_a_drawing_can_be_drawn(block: Block) -> None:
    groups = drawing.groups(block.text)
    assert groups
    for group in groups:
        assert all(key in group.boxes for arrow in group.arrows for key in arrow)
        assert drawing.svg(group).count("<rect") == len(group.boxes)
