"""A secret cannot be printed by accident."""

from __future__ import annotations

import json
import pickle

import pytest

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
