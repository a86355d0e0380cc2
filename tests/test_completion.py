"""Commands in advice: completed with their target once, and only where they lack it."""

from __future__ import annotations

import ast
import re

import pytest

from ops.session import COMMAND
from ops.world import ROOT


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


def test_f6_no_advice_in_the_code_is_torn_or_gets_two_targets() -> None:
    """F6: every text of the runbook that names a command."""
    texts = [
        node.value
        for file in (ROOT / "ops").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "inv " in node.value
    ]
    assert len(texts) > 50
    for text in texts:
        whole = completed(text)
        assert not re.search(r"--target fly\.", whole), whole
        assert not re.search(r"--target fly(?:(?!\binv )[^\n,;:])* --target", whole), whole
