"""The configuration: read strictly, refused with the setting's path."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from llm_gateway.config import load, parse
from llm_gateway.settings import ConfigError

DOCUMENT: dict[str, Any] = {
    "model_list": [{"model_name": name} for name in ("gpt-4o-mini", "gpt-4o", "text-embedding-3-large")],
    "gateway": {
        "default_model": "gpt-4o-mini",
        "escalation": {"model": "gpt-4o", "over_input_tokens": 2000},
        "fallback": {"gpt-4o-mini": "gpt-4o"},
        "default_max_tokens": 1024,
        "prices": {
            "gpt-4o-mini": {"input": 0.15, "cached_input": 0.075, "output": 0.6},
            "gpt-4o": {"input": 2.5, "output": 10.0},
            "text-embedding-3-large": {"input": 0.13},
        },
        "embedding": {"model": "text-embedding-3-large", "dimensions": 1024},
        "cache": {
            "bytes_per_team": 1,
            "exact": {"ttl_s": 86400},
            "semantic": {"ttl_s": 604800, "candidate_from": 0.5, "judge_model": "gpt-4o-mini"},
        },
        "teams": {"shop": {"key_env": "SHOP_KEY", "rpm": 100, "tpm": 200000, "daily_usd": 0.5}},
        "self_test_team": "shop",
    },
}


def changed(path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    *parents, name = path.split(".")
    at = document
    for parent in parents:
        at = at[parent]
    if value is None:
        del at[name]
    else:
        at[name] = value
    return document


def test_amounts_become_whole_nano_dollars() -> None:
    config = parse(DOCUMENT)
    assert config.teams["shop"].daily_nano_usd == 500_000_000
    mini, big = config.prices["gpt-4o-mini"], config.prices["gpt-4o"]
    assert (mini.input, mini.cached_input, mini.output) == (150, 75, 600)
    assert big.cached_input == big.input == 2500


def test_the_embedding_model_is_not_for_chats() -> None:
    assert parse(DOCUMENT).chat_models == ("gpt-4o-mini", "gpt-4o")


def test_the_semantic_tier_and_the_escalation_can_be_left_out() -> None:
    assert parse(changed("gateway.cache.semantic", None)).cache.semantic is None
    assert parse(changed("gateway.escalation", None)).escalation is None


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("gateway", None, "gateway: a mapping"),
        ("gateway.teams", {}, "at least one team"),
        ("gateway.teams.shop.rpm", 0, "gateway.teams.shop.rpm"),
        ("gateway.teams.shop.rpm", True, "gateway.teams.shop.rpm"),
        ("gateway.teams.shop.tpm", "many", "gateway.teams.shop.tpm"),
        ("gateway.teams.shop.daily_usd", -1, "gateway.teams.shop.daily_usd"),
        ("gateway.teams.shop.semantics", True, "unknown setting(s) semantics"),
        ("gateway.teams.shop.key_env", None, "gateway.teams.shop.key_env: missing"),
        ("gateway.teams", {"a b": DOCUMENT["gateway"]["teams"]["shop"]}, "letters"),
        ("gateway.prices.gpt-4o", None, "no price for 'gpt-4o'"),
        ("gateway.prices.gpt-4o", {"input": 0.00001}, "finer"),
        ("gateway.fallback", {"gpt-4o-mini": "gpt-5"}, "'gpt-5'"),
        ("gateway.default_model", "text-embedding-3-large", "default_model"),
        ("gateway.cache.semantic.candidate_from", 1.5, "candidate_from: a number below 1"),
        ("gateway.cache.semantic.max_wrong", 1.0, "max_wrong: a number below 1"),
        ("gateway.teams.shop.semantic", True, "gateway.teams.shop.semantic: one of wait, background, off"),
        ("gateway.teams.shop.semantic", False, "gateway.teams.shop.semantic: one of wait, background, off"),
        ("gateway.teams.shop.per_user", "yes", "gateway.teams.shop.per_user: true or false"),
        ("gateway.cache.semantic.aliases", [["one"]], "at least two questions"),
        ("gateway.cache.shadow_rate", 1.5, "shadow_rate"),
        ("gateway.self_test_team", "nobody", "self_test_team"),
        ("gateway.typo", 1, "unknown setting(s) typo"),
        ("model_list", [], "model_list"),
        ("model_list", [{"model_name": "a,b"}], "model_list[0]"),
    ],
)
def test_a_wrong_setting_is_named(path: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(changed(path, value))
    assert words in str(refused.value)


def test_a_file_that_is_missing_or_no_yaml_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load(tmp_path / "none.yaml")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    with pytest.raises(ConfigError, match="not YAML"):
        load(broken)
    broken.write_text(yaml.safe_dump(DOCUMENT))
    assert load(broken) == parse(DOCUMENT)
