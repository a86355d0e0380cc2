"""The questions of the return policy: paraphrases are hits by the judge or an alias, neighbours are not; checks act."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, configuration, wait_until

JUDGE = "You guard a cache of answers"
CHECK = "Two answers were written"
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
    cache["shadow_rate"] = 0.01  # All hits, while there are few labels.
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
    provider.reply(contains="", system=JUDGE, reply="no")
    for question in PARAPHRASES:
        provider.reply(contains=question, system=JUDGE, reply="yes")
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


def test_a_reviewed_alias_hits_without_judge_embedding_or_number_and_a_check_takes_it_back(
    pair: tuple[GatewayProcess, GatewayProcess], provider: Provider
) -> None:
    with pair[1].client("prod_background") as client, pair[1].operator() as operator:
        send(client, FIRST)
        asked = provider.calls("text-embedding-3-large", "embeddings")
        provider.reply(contains=PARAPHRASES[0], reply="We take nothing back.")
        provider.reply(contains="", system=CHECK, reply="no")
        for question in PARAPHRASES[:1]:
            answer = send(client, question)
            assert answer.headers["x-gateway-cache"] == "alias"
            assert "x-gateway-similarity" not in answer.headers
        assert provider.calls("text-embedding-3-large", "embeddings") == asked

        def wrong() -> int:
            teams = operator.get("/gateway/admin/cache").json()["teams"]
            return int(teams["prod_background"]["shadow"]["wrong"])

        # The fresh answer differs; whether that makes the served one wrong, the judge says.
        wait_until(lambda: wrong() == 1)
        wait_until(lambda: send(client, PARAPHRASES[1]).headers["x-gateway-cache"] == "miss")


def test_an_operator_takes_a_judged_answer_back_through_either_gateway(
    pair: tuple[GatewayProcess, GatewayProcess], judge: Provider
) -> None:
    with pair[0].client("probe") as client, pair[1].operator() as operator:
        send(client, FIRST)
        hit = send(client, PARAPHRASES[0])
        assert hit.headers["x-gateway-cache"] == "semantic"

        def judged() -> tuple[int, int, str]:
            found = operator.get("/gateway/admin/cache").json()["teams"]["probe"]["judge"]
            return found["calls"], found["yes"], found["mode"]

        wait_until(lambda: judged() == (1, 1, "wait"))  # The sums of all gateways are some seconds old.
        entry = hit.headers["x-gateway-cache-entry"]
        assert operator.post("/gateway/admin/cache/wrong", json={"entry": entry}).json()["removed"] == 3
        assert operator.post("/gateway/admin/cache/wrong", json={"entry": entry}).json()["removed"] == 0
        assert operator.post("/gateway/admin/cache/wrong", json={"entry": "x"}).status_code == 400
        assert operator.post("/gateway/admin/cache/wrong", json={"entry": entry, "team": "no"}).status_code == 404
        assert operator.post("/gateway/admin/cache/wrong", content=b"x").status_code == 400
        assert client.post("/gateway/admin/cache/wrong", json={"entry": entry}).status_code == 401
        assert send(client, FIRST).headers["x-gateway-cache"] == "miss"
        calls = judge.calls("gpt-4o-mini")
        assert send(client, "What is the shipping policy?").headers["x-gateway-cache"] == "miss"
        assert judge.calls("gpt-4o-mini") > calls


def test_the_judge_is_counted_and_its_cost_stands_beside_what_it_saved(
    pair: tuple[GatewayProcess, GatewayProcess], judge: Provider
) -> None:
    with pair[0].client("admin") as client, pair[0].operator() as operator:
        send(client, "What is the return policy of this shop?")
        for question in PARAPHRASES:
            send(client, question)
        lines = dict(line.rsplit(" ", 1) for line in operator.get("/metrics").text.splitlines() if line[0] != "#")
    team = '{team="admin"'
    assert float(lines[f"gateway_semantic_lookups_total{team}}}"]) >= 3
    assert float(lines[f'gateway_judge_verdicts_total{team},verdict="yes"}}']) >= 1
    assert float(lines[f'gateway_semantic_hits_total{team},by="judge"}}']) >= 1
    assert float(lines[f"gateway_judge_usd_total{team}}}"]) > 0
    assert float(lines[f"gateway_semantic_saved_usd_total{team}}}"]) > 0


def test_an_answer_of_one_gateway_is_a_hit_in_the_other_at_once(
    pair: tuple[GatewayProcess, GatewayProcess], judge: Provider, word: str
) -> None:
    judge.reply(contains=word, system=JUDGE, reply="yes")
    with pair[0].client("admin") as one, pair[1].client("admin") as other:
        send(one, f"How do I reset the {word} password?")
        assert send(other, f"What resets the {word} password?").headers["x-gateway-cache"] == "semantic"
