"""A secret cannot be printed by accident."""

from __future__ import annotations

import json
import pickle

import pytest

from ops.runbook import report
from ops.runbook.secret import REDACTED, Secret, redactor


def test_no_way_of_printing_shows_the_value() -> None:
    secret = Secret("correct-horse-battery")
    shown = [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret!r:>40}",
        "{}".format(secret),  # noqa: UP032
        str([secret]),
        str({"k": secret}),
    ]
    assert not any("correct" in text for text in shown)


def test_it_is_not_serialised() -> None:
    secret = Secret("correct-horse-battery")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_the_redactor_replaces_values_longest_first() -> None:
    Secret("inner-password")
    Secret("postgres://user:inner-password@host/db")
    text = redactor("connect to postgres://user:inner-password@host/db with inner-password")
    assert text == f"connect to {REDACTED} with {REDACTED}"


@pytest.mark.parametrize("value", ["version", '", "exit_code": 0, "', " " * 8, 'with "quotes"\\'])
def test_no_value_breaks_a_document_that_programs_read(value: str) -> None:
    Secret(value)
    said = report.document("plan", next=f"give {value}", steps=[{"evidence": (value, 1, None)}], exit_code=3)
    read = json.loads(said)
    assert list(read) == ["version", "kind", "next", "steps", "exit_code"]
    assert read["exit_code"] == 3
    if value.strip():
        assert (read["next"], read["steps"]) == (f"give {REDACTED}", [{"evidence": [REDACTED, 1, None]}])
