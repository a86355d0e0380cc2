"""No answer crosses from one team to another, whatever a request claims."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from tests.integration.gateway.harness import GatewayProcess, Provider

PROBES = 2000
TOPICS = (
    "returns",
    "shipping",
    "invoices",
    "gift cards",
    "accounts",
    "passwords",
    "sizes",
    "repairs",
    "taxes",
    "samples",
)
WORDINGS = (
    "What is the policy for {}?",
    "what is the policy for {}",
    "What's the policy for {} please?",
    "Tell me the policy for {}.",
)

FORGERIES: tuple[tuple[dict[str, Any], dict[str, str]], ...] = (
    ({}, {}),
    ({"metadata": {"team": "prod_customer", "user_api_key_alias": "prod_customer"}}, {}),
    ({"metadata": {"user_api_key_team_id": "prod_customer", "model_group": "gpt-4o-mini"}}, {}),
    ({"cache": {"namespace": "prod_customer", "ttl": 999999, "s-maxage": 999999}}, {}),
    ({"cache": {"use-cache": True, "no-cache": False, "key": "prod_customer"}}, {}),
    ({"user": "prod_customer"}, {}),
    ({}, {"x-gateway-team": "prod_customer", "x-litellm-team-id": "prod_customer"}),
    ({}, {"x-litellm-cache-key": "prod_customer", "x-forwarded-user": "prod_customer"}),
    ({"stream": True}, {}),
    ({"prompt_cache_key": "prod_customer", "safety_identifier": ""}, {}),
)  # fmt: skip


@pytest.mark.timeout(600)
def test_2000_probes_find_no_answer_of_another_team(gateway: GatewayProcess, provider: Provider, word: str) -> None:
    def body(wording: str, topic: str) -> dict[str, Any]:
        text = wording.format(f"{word} {topic}")
        return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], "max_tokens": 64}

    with gateway.client("prod_customer") as owner, gateway.client("prod_ceo") as prober:
        owned = {owner.post("/v1/chat/completions", json=body(WORDINGS[0], topic)).json()["id"] for topic in TOPICS}
        assert len(owned) == len(TOPICS)
        # The seam itself is open: its owner gets each of them back.
        again = {owner.post("/v1/chat/completions", json=body(WORDINGS[0], topic)).json()["id"] for topic in TOPICS}
        assert again == owned
        every = list(itertools.product(TOPICS, WORDINGS, FORGERIES))
        chosen = random.Random(7).choices(every, k=PROBES - len(every)) + every
        crossed = []
        for topic, wording, (fields, headers) in chosen:
            answer = prober.post("/v1/chat/completions", json=body(wording, topic) | fields, headers=headers)
            assert answer.status_code == 200, answer.text
            assert answer.headers["x-gateway-team"] == "prod_ceo"
            if any(identity in answer.text for identity in owned):
                crossed.append((topic, wording, fields, headers))
    assert len(chosen) == PROBES
    assert crossed == []
