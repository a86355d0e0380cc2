"""Commands in advice: completed with their target once, and only where they lack it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from ops.description.paths import ROOT
from ops.session.opening import COMMAND


def completed(text: str) -> str:
    return COMMAND.sub(r"\g<0> --target fly", text)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("inv deploy.domains", "inv deploy.domains --target fly"),
        ("inv deploy.domains --target fly", "inv deploy.domains --target fly"),
        ("inv deploy.destroy --name app --target fly", "inv deploy.destroy --name app --target fly"),
        ("inv deploy.logs --app minio", "inv deploy.logs --target fly --app minio"),
        (
            "inv deploy.logs, then inv deploy.rollback",
            "inv deploy.logs --target fly, then inv deploy.rollback --target fly",
        ),
        ("inv plan, then inv status --target fly", "inv plan --target fly, then inv status --target fly"),
        ("inv explain FLY-001 or inv local.down", "inv explain FLY-001 or inv local.down"),
        ("A=b inv deploy.all --target fly", "A=b inv deploy.all --target fly"),
    ],
)
def test_f6_a_command_is_completed_once(text: str, whole: str) -> None:
    """F6: `inv deploy --target fly.domains --target fly`."""
    assert completed(text) == whole
    assert completed(whole) == whole


def _texts(tree: ast.AST) -> Iterator[str]:
    """The texts of a module that name a command, with a word for each value put into them."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "word" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            yield from _texts(node)
            continue
        if "inv " in text:
            yield text


def test_f6_no_advice_in_the_code_is_torn_or_gets_two_targets() -> None:
    """F6: every text of the runbook that names a command."""
    texts = [
        text for file in (ROOT / "ops").rglob("*.py") for text in _texts(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert len(texts) > 50
    for text in texts:
        whole = completed(text)
        assert not re.search(r"--target fly\.", whole), whole
        assert not re.search(r"--target fly(?:(?!\binv )[^\n,;:])* --target", whole), whole
