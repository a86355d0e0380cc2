"""Who is calling."""

from __future__ import annotations

import secrets

import pytest
from llm_gateway.config import parse
from llm_gateway.settings import ConfigError
from llm_gateway.teams import Teams

from tests.gateway.test_config import DOCUMENT

CONFIG = parse(DOCUMENT)
SHOP, MASTER = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
ENVIRON = {"SHOP_KEY": SHOP, "LITELLM_MASTER_KEY": MASTER}


def test_a_key_is_its_team() -> None:
    teams = Teams(CONFIG, ENVIRON)
    found = teams.identify(f"Bearer {SHOP}")
    assert found is not None
    assert found.name == "shop"
    assert teams.identify(f"bearer {SHOP} ") == found


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", f"Basic {SHOP}", SHOP, f"Bearer {SHOP}x", f"Bearer {MASTER}"]
)
def test_anything_else_is_nobody(header: str | None) -> None:
    assert Teams(CONFIG, ENVIRON).identify(header) is None


def test_the_operators_key_is_no_team_and_no_team_is_the_operator() -> None:
    teams = Teams(CONFIG, ENVIRON)
    assert teams.is_operator(f"Bearer {MASTER}")
    assert not teams.is_operator(f"Bearer {SHOP}")
    assert not teams.is_operator(None)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"LITELLM_MASTER_KEY": MASTER}, "SHOP_KEY is not set"),
        ({"SHOP_KEY": "short", "LITELLM_MASTER_KEY": MASTER}, "SHOP_KEY is shorter"),
        ({"SHOP_KEY": SHOP}, "LITELLM_MASTER_KEY is not set"),
        ({"SHOP_KEY": SHOP, "LITELLM_MASTER_KEY": SHOP}, "hold the same key"),
    ],
)
def test_a_bad_key_is_named_without_its_value(environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Teams(CONFIG, environ)
    assert words in str(refused.value)
    assert SHOP not in str(refused.value)
    assert "'short'" not in str(refused.value)


def test_no_key_stays_in_memory() -> None:
    assert SHOP not in repr(vars(Teams(CONFIG, ENVIRON)))
