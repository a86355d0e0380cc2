"""Two gateways, one cache: what one keeps the other serves, and what is purged through one no other serves any more.

How long each takes: `./inv dev.bench shared_cache`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, wait_until
from tests.integration.gateway.several import several

FIRST = "What is the return policy?"
SPELT = "what is the return policy"
PARAPHRASE = "What's your refund policy?"

Pair = tuple[GatewayProcess, GatewayProcess]


@pytest.fixture(scope="module")
def pair(shared_provider: Provider) -> Iterator[Pair]:
    with ValkeyServer() as valkey, several(2, valkey, shared_provider, {}) as (a, b):
        yield a, b


@pytest.fixture(autouse=True)
def judge(provider: Provider) -> Provider:
    """A judge that says yes to the paraphrase of the question and no to everything else."""
    provider.reply(contains="", system="You guard a cache", reply="no")
    provider.reply(contains=PARAPHRASE, system="You guard a cache", reply="yes")
    return provider


def ask(gateway: GatewayProcess, team: str, question: str) -> tuple[str, httpx.Response]:
    """The tier that answered, and the answer."""
    with gateway.client(team) as client:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}
        answer = client.post("/v1/chat/completions", json=body).raise_for_status()
    return answer.headers["x-gateway-cache"], answer


def purge(gateway: GatewayProcess, team: str, **more: str) -> int:
    with gateway.operator() as operator:
        said = operator.post("/gateway/admin/cache/purge", json={"team": team, **more}).raise_for_status().json()
    return int(said["purged"])


def cache(gateway: GatewayProcess) -> dict[str, Any]:
    with gateway.operator() as operator:
        return dict(operator.get("/gateway/admin/cache").raise_for_status().json())


def mirrored(gateway: GatewayProcess) -> int:
    return int(cache(gateway)["mirrored_entries"])


def test_a_teams_purge_through_one_gateway_reaches_the_other_in_every_tier(pair: Pair, judge: Provider) -> None:
    a, b = pair
    kept = ask(a, "prod_ceo", FIRST)[1].json()["id"]
    old = ask(a, "prod_customer", FIRST)[1].json()["id"]
    wait_until(lambda: mirrored(b) == 2)
    for question, tier in ((FIRST, "exact"), (SPELT, "semantic"), (PARAPHRASE, "semantic")):
        found, answer = ask(b, "prod_customer", question)
        assert (found, answer.json()["id"]) == (tier, old)
    # The verdict on the paraphrase made it a wording of that answer, whichever gateway is asked.
    calls = judge.calls("gpt-4o-mini")
    assert ask(a, "prod_customer", PARAPHRASE)[0] == "semantic"
    assert judge.calls("gpt-4o-mini") == calls

    assert purge(a, "prod_customer") == 3  # Exact, semantic, and the paraphrase that joined it.
    assert cache(b)["teams"]["prod_customer"]["entries"]["verdict"] == 0
    wait_until(lambda: mirrored(b) == mirrored(a) == 1)
    found, answer = ask(b, "prod_customer", SPELT)
    new = answer.json()["id"]
    assert (found, new != old) == ("miss", True)
    # The same words as before the purge: neither the old answer nor the old verdict counts.
    calls = judge.calls("gpt-4o-mini")
    found, answer = ask(b, "prod_customer", PARAPHRASE)
    assert (found, answer.json()["id"]) == ("semantic", new)
    assert judge.calls("gpt-4o-mini") == calls + 1
    assert ask(b, "prod_customer", FIRST)[1].json()["id"] == new
    found, answer = ask(b, "prod_ceo", FIRST)
    assert (found, answer.json()["id"]) == ("exact", kept)


@pytest.mark.parametrize("tier", ["exact", "semantic"])
def test_one_wrong_answer_purged_through_one_gateway_is_gone_from_the_other(pair: Pair, word: str, tier: str) -> None:
    a, b = pair
    wrong, right = f"Where is parcel {word}?", f"How heavy is parcel {word}?"
    before = mirrored(a)
    old = ask(a, "prod_background", wrong)[1].json()["id"]
    ask(a, "prod_background", right)
    wait_until(lambda: mirrored(b) == before + 2)
    found, hit = ask(b, "prod_background", wrong if tier == "exact" else wrong[0].lower() + wrong[1:])
    assert (found, hit.json()["id"]) == (tier, old)

    assert purge(a, "prod_background", entry=hit.headers["x-gateway-cache-entry"]) == 2
    wait_until(lambda: mirrored(b) == before + 1)
    found, answer = ask(b, "prod_background", wrong)
    assert (found, answer.json()["id"] != old) == ("miss", True)
    assert ask(b, "prod_background", right)[0] == "exact"


def test_a_gateway_that_was_killed_serves_again_what_the_other_kept(pair: Pair, word: str) -> None:
    a, b = pair
    b.stop(signal.SIGKILL)
    question = f"Where is parcel {word}?"
    kept = ask(a, "admin", question)[1].json()["id"]
    b.start()
    assert ask(b, "admin", question)[0] == "exact"
    wait_until(lambda: mirrored(b) == mirrored(a))
    found, answer = ask(b, "admin", question[0].lower() + question[1:])
    assert (found, answer.json()["id"]) == ("semantic", kept)
