"""The questions of the return policy: paraphrases are hits by the judge or an alias, neighbours are not."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration, wait_until

FIRST = "What is the return policy?"
PARAPHRASES = ("What's your refund policy?", "How do I return an item?")
NEIGHBOURS = (
    "What is the shipping policy?",
    "What is not covered by the return policy?",
    "What is the return policy for gift cards?",
)


def send(client: httpx.Client, question: str) -> httpx.Response:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}
    return client.post("/v1/chat/completions", json=body)


@pytest.fixture(scope="module")
def pair(shared_valkey: ValkeyServer, shared_provider: Provider) -> Iterator[tuple[GatewayProcess, GatewayProcess]]:
    """Two gateways on one Redis: with a judge only, and with a reviewed alias and every hit checked."""
    judged, aliased = copy.deepcopy(configuration()), copy.deepcopy(configuration())
    for config in (judged, aliased):
        config["gateway"]["redis"]["key_prefix"] = "examples:"
        config["gateway"]["gateways"] = 2
    cache = aliased["gateway"]["cache"]
    cache["semantic"]["aliases"] = [[FIRST, *PARAPHRASES]]
    cache["shadow_rate"] = 1.0
    first = GatewayProcess(
        redis_url=shared_valkey.url,
        provider_url=shared_provider.base_url,
        provider_key=shared_provider.key,
        config=judged,
    )
    second = GatewayProcess(
        redis_url=shared_valkey.url, provider_url=shared_provider.base_url, provider_key=shared_provider.key,
        config=aliased, keys=first.keys,
    )  # fmt: skip
    with first, second:
        yield first, second


@pytest.fixture
def judge(provider: Provider) -> Provider:
    """A judge that says yes to the paraphrases and no to everything else."""
    provider.reply(contains="", system="Reply with one word", reply="no")
    for question in PARAPHRASES:
        provider.reply(contains=question, system="Reply with one word", reply="yes")
    return provider


def test_the_judge_lets_paraphrases_hit_and_neighbours_miss(
    pair: tuple[GatewayProcess, GatewayProcess], judge: Provider
) -> None:
    with pair[0].client("prod_customer") as client:
        first = send(client, FIRST)
        tiers = {question: send(client, question) for question in (*PARAPHRASES, *NEIGHBOURS)}
    assert {q: a.headers["x-gateway-cache"] for q, a in tiers.items()} == {
        **dict.fromkeys(PARAPHRASES, "semantic"),
        **dict.fromkeys(NEIGHBOURS, "miss"),
    }
    assert {tiers[question].json()["id"] for question in PARAPHRASES} == {first.json()["id"]}


def test_a_verdict_is_remembered_and_charged_once(pair: tuple[GatewayProcess, GatewayProcess], judge: Provider) -> None:
    with pair[0].client("prod_ceo") as client:
        send(client, FIRST)
        send(client, PARAPHRASES[0])
        calls = judge.calls("gpt-4o-mini")
        assert send(client, PARAPHRASES[0]).headers["x-gateway-cache"] == "semantic"
        assert judge.calls("gpt-4o-mini") == calls
    with pair[0].operator() as operator:
        used = next(t["used"] for t in operator.get("/gateway/admin/teams").json()["teams"] if t["name"] == "prod_ceo")
    assert round(used["usd_today"] * 1e9) == judge.spent_nano_usd(configuration()["gateway"]["prices"])


def test_a_reviewed_alias_hits_without_judge_or_embedding_and_is_checked_afterwards(
    pair: tuple[GatewayProcess, GatewayProcess], provider: Provider
) -> None:
    with pair[1].client("prod_background") as client, pair[1].operator() as operator:
        send(client, FIRST)
        asked = provider.calls("text-embedding-3-large", "embeddings")
        for question in PARAPHRASES:
            answer = send(client, question)
            assert answer.headers["x-gateway-cache"] == "semantic"
        assert send(client, NEIGHBOURS[2]).headers["x-gateway-cache"] == "miss"
        assert provider.calls("text-embedding-3-large", "embeddings") == asked + 1

        def sampled() -> int:
            teams = operator.get("/gateway/admin/cache").json()["teams"]
            return int(teams["prod_background"]["shadow"]["sampled"])

        # The stand-in quotes the question, so a fresh answer differs; whether that is wrong, a judge must say.
        provider.reply(contains="", system="Reply with one word", reply="no")
        send(client, PARAPHRASES[0])
        wait_until(lambda: sampled() >= 1)


def test_an_answer_of_one_gateway_is_a_hit_in_the_other_within_a_second(
    pair: tuple[GatewayProcess, GatewayProcess], provider: Provider, word: str
) -> None:
    with pair[0].client("admin") as one, pair[1].client("admin") as other:
        send(one, f"How do I reset the {word} password?")
        assert send(other, f"How do I reset the {word} password?").headers["x-gateway-cache"] == "exact"
        wait_until(
            lambda: send(other, f"how do i reset the {word} password").headers["x-gateway-cache"] == "semantic", 1.0
        )
