"""OpenAI's own client on a stand-in that serves models of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from openai import OpenAI

MODELS = "gpt-4o-mini,gpt-4o,gpt-5,o4-mini,text-embedding-3-large,text-embedding-3-small,text-embedding-ada-002"


@pytest.fixture(scope="module")
def all_models(start: Callable[..., Any], openai_key: str) -> Any:
    return start("openai", env={"OPENAI_STANDIN_KEY": openai_key, "OPENAI_STANDIN_MODELS": MODELS})


@pytest.fixture
def sdk(all_models: Any, openai_key: str) -> Iterator[OpenAI]:
    """A client of a stand-in that has forgotten all earlier tests; it never tries again by itself."""
    from openai import OpenAI

    with OpenAI(api_key=openai_key, base_url=all_models.url + "/v1", max_retries=0, timeout=20) as client:
        client.post("../_control/reset", cast_to=object)
        yield client
