"""The one module that knows LiteLLM: its router holds the models, their deployments, keys and time limits.

The router is asked which deployment serves a request. The request itself travels by `provider`: both sides speak
OpenAI's format, so there is nothing for LiteLLM's adapters to translate (docs/decisions/0002-the-wire.md).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Without it the import itself fetches a price list from the internet and waits for it.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
# LiteLLM would pick it up for calls that carry no key of their own.
os.environ.pop("OPENAI_API_KEY", None)

import litellm
from litellm.router import Router

DEFAULT_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class Deployment:
    """Where one model is served. `timeout_s`: seconds until the answer begins, and between two pieces of it."""

    base_url: str
    api_key: str = field(repr=False)
    model: str
    timeout_s: float


class NoDeployment(Exception):
    """The router names no deployment for a model."""


class Deployments:
    """The deployments of `model_list`, chosen by LiteLLM's router."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        """Build the router.

        Args:
            settings: LiteLLM's part of the configuration file: model_list, router_settings, litellm_settings.
        """
        for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
            # It logs handled errors with stack traces and pieces of requests; we report them ourselves.
            logging.getLogger(name).setLevel(logging.CRITICAL)
        litellm.suppress_debug_info = True
        for name, value in (settings.get("litellm_settings") or {}).items():
            setattr(litellm, name, value)
        models = [dict(model) for model in settings["model_list"]]
        self._router = Router(model_list=models, **(settings.get("router_settings") or {}))

    async def choose(self, model: str) -> Deployment:
        """The deployment that serves a request for a model.

        Raises:
            NoDeployment: the router has none, or none that may be used now.
        """
        try:
            chosen = await self._router.select(model)
        except Exception as error:  # Its own kinds change from version to version; all of them mean this.
            raise NoDeployment(f"{model}: {type(error).__name__}") from error
        parameters = chosen.get("litellm_params") if isinstance(chosen, dict) else None
        if not isinstance(parameters, dict) or not parameters.get("api_base"):
            raise NoDeployment(f"{model}: no address")
        return Deployment(
            base_url=str(parameters["api_base"]).rstrip("/"),
            api_key=str(parameters.get("api_key") or ""),
            model=str(parameters["model"]).removeprefix("openai/"),
            timeout_s=float(parameters.get("timeout") or DEFAULT_TIMEOUT_S),
        )
