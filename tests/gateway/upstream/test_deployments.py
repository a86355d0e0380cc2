"""LiteLLM's router names the deployment; no network."""

from __future__ import annotations

import asyncio
import os
import secrets
from typing import Any

import pytest
from llm_gateway.upstream.deployments import DEFAULT_TIMEOUT_S, Deployment, Deployments, NoDeployment


def models(*names: str, **parameters: Any) -> dict[str, Any]:
    settings = {"api_key": "os.environ/TEST_KEY", "api_base": "http://127.0.0.1:9/v1/", **parameters}
    return {
        "model_list": [
            {"model_name": name, "litellm_params": {"model": f"openai/{name}-there", **settings}} for name in names
        ],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
    }


def chosen(settings: dict[str, Any], model: str) -> Deployment:
    return asyncio.run(Deployments(settings).choose(model))


def test_a_deployment_is_resolved_from_the_environment_and_shows_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    key = secrets.token_hex(16)
    monkeypatch.setenv("TEST_KEY", key)
    found = chosen(models("mini", "big", timeout=7), "mini")
    assert found == Deployment("http://127.0.0.1:9/v1", key, "mini-there", 7.0)
    assert key not in repr(found)


def test_a_deployment_without_a_time_limit_gets_one() -> None:
    assert chosen(models("mini"), "mini").timeout_s == DEFAULT_TIMEOUT_S


def test_a_model_that_nobody_serves_has_none() -> None:
    with pytest.raises(NoDeployment, match="small"):
        chosen(models("mini"), "small")


def test_deployments_of_one_model_take_turns() -> None:
    settings = models("mini", "mini")
    settings["model_list"][1]["litellm_params"]["api_base"] = "http://127.0.0.1:10/v1"

    async def several() -> set[str]:
        deployments = Deployments(settings)
        return {(await deployments.choose("mini")).base_url for _ in range(60)}

    assert asyncio.run(several()) == {"http://127.0.0.1:9/v1", "http://127.0.0.1:10/v1"}


def test_no_openai_key_is_left_for_litellm_to_find() -> None:
    assert "OPENAI_API_KEY" not in os.environ
