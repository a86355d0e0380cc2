"""Environment variables: read once, refused by name, never shown."""

from __future__ import annotations

import copy
import secrets

import pytest
from llm_gateway.config import parse
from llm_gateway.environment import read
from llm_gateway.settings import ConfigError

from tests.gateway.test_config import DOCUMENT

document = copy.deepcopy(DOCUMENT)
document["gateway"]["callbacks"] = {"langfuse": {}}
CONFIG = parse(document)
PASSWORD = secrets.token_hex(16)
GOOD = {
    "GATEWAY_REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:6379/0",
    "UPSTREAM_OPENAI_API_KEY": PASSWORD,
    "UPSTREAM_OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
}
TRACED = {"LANGFUSE_HOST": "https://l.example", "LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": PASSWORD}


def test_ports_and_hosts_have_defaults() -> None:
    environment = read(CONFIG, GOOD)
    assert (environment.host, environment.port, environment.drain_s) == (None, 4000, 30)
    assert environment.langfuse is None


def test_secrets_are_not_shown() -> None:
    assert PASSWORD not in repr(read(CONFIG, GOOD | TRACED))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"GATEWAY_REDIS_URL": ""}, "GATEWAY_REDIS_URL"),
        ({"GATEWAY_REDIS_URL": f"http://{PASSWORD}"}, "GATEWAY_REDIS_URL"),
        ({"UPSTREAM_OPENAI_API_KEY": ""}, "UPSTREAM_OPENAI_API_KEY is not set"),
        ({"PORT": "http"}, "PORT must be a whole number"),
        ({"LANGFUSE_HOST": "http://x"}, "LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY not set"),
        (TRACED | {"LANGFUSE_HOST": "l.example"}, "LANGFUSE_HOST must be"),
    ],
)
def test_a_wrong_variable_is_named(change: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(CONFIG, GOOD | change)
    assert words in str(refused.value)
    assert PASSWORD not in str(refused.value)
