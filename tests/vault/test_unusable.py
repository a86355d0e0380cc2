"""Keys and tokens that cannot be any: a character that no screen shows, or what stood there as an example."""

from __future__ import annotations

import secrets

import pytest

from ops.runbook.secret import Secret
from ops.vault.formats import placeholder, unsendable


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("sk-\u200babc", "zero width space (U+200B) at place 4"),
        ("\ufeffsk-abc", "zero width no-break space (U+FEFF) at place 1"),
        ("sk-abc\u00a0", "no-break space (U+00A0) at place 7"),
        ("sk-\u2013abc", "en dash (U+2013) at place 4"),
        ("sk-аbc", "cyrillic small letter a (U+0430) at place 4"),
        ("sk-a\x07bc", "a control character (U+0007) at place 5"),
    ],
)
def test_a_character_that_no_key_has_is_named_by_its_place(broken: str, said: str) -> None:
    told = unsendable(Secret(broken))
    assert told is not None
    assert said in told
    assert "sk-" not in told


@pytest.mark.parametrize(
    "text",
    [
        "<your-key>",
        "sk-...",
        "YOUR_API_KEY",
        "sk-your-key-here",
        "changeme",
        "change-me",
        "sk-xxxxxxxxxxxx",
        "fo1_****",
        "my-token",
    ],
)
def test_a_placeholder_is_none(text: str) -> None:
    assert placeholder(Secret(text)) == "is a placeholder: put the real one there"


def test_real_ones_pass() -> None:
    for _ in range(2000):
        for made in (f"sk-proj-{secrets.token_urlsafe(96)}", f"fo1_{secrets.token_urlsafe(32)}", secrets.token_hex(32)):
            assert unsendable(Secret(made)) is None, made
            assert placeholder(Secret(made)) is None, made
    assert unsendable(Secret("FlyV1 fm2_abc,fm2_def")) is None
