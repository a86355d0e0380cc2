"""What a request may take of a team's limits. Cases G7 to G11, G25 and G26."""

from __future__ import annotations

import base64
import concurrent.futures
import copy
import struct
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from tests.gateway.scripted_upstream import ScriptedUpstream, Told, told
from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, configuration, wait_until
from tests.integration.gateway.saying import chatting, completion, stream

OURS = "file-of-this-team"


@pytest.fixture(scope="module")
def tight(shared_valkey: ValkeyServer, shared_upstream: ScriptedUpstream) -> Iterator[GatewayProcess]:
    """A gateway with both caches, whose teams have one narrow limit each."""
    config = copy.deepcopy(configuration())
    config["gateway"]["redis"]["key_prefix"] = "tight:"
    teams = config["gateway"]["teams"]
    teams["prod_ceo"]["tpm"] = 60_000
    teams["prod_customer"]["tpm"] = 200_000
    teams["prod_background"] |= {"daily_usd": 1, "provider_ids": [OURS]}
    teams["probe"]["daily_usd"] = 0.01
    with GatewayProcess(
        redis_url=shared_valkey.url, provider_url=shared_upstream.base_url, provider_key="sk-arranged", config=config
    ) as process:
        yield process


def asking(gateway: GatewayProcess, team: str, content: Any, **fields: Any) -> httpx.Response:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": content}], **fields}
    with gateway.client(team) as client:
        return client.post("/v1/chat/completions", json=body)


def used(gateway: GatewayProcess, team: str) -> dict[str, Any]:
    with gateway.operator() as operator:
        teams = operator.get("/gateway/admin/teams").json()["teams"]
    found: dict[str, Any] = next(each["used"] for each in teams if each["name"] == team)
    return found


@pytest.fixture
def answering(scripted: ScriptedUpstream) -> ScriptedUpstream:
    scripted.script = chatting(told(completion()))
    return scripted


def test_g7_what_can_never_fit_is_refused_for_good(tight: GatewayProcess, answering: ScriptedUpstream) -> None:
    """G7: 4 answers of 16,384 tokens are more than 60,000 a minute."""
    refused = asking(tight, "prod_ceo", "hi", max_tokens=16_384, n=4)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "request_above_limit")
    assert refused.headers["x-should-retry"] == "false"
    assert "retry-after" not in refused.headers
    assert answering.asked == []


@pytest.mark.parametrize("stream_", [False, True])
def test_g8_a_long_prompt_that_fits_is_served(
    tight: GatewayProcess, answering: ScriptedUpstream, word: str, *, stream_: bool
) -> None:
    """G8: nothing is reserved for an embedding or a verdict that will not be made."""
    answering.script = chatting(
        lambda asked: (
            stream({**completion(), "choices": [{"index": 0, "delta": {"content": "x"}, "finish_reason": "stop"}]})
            if stream_
            else told(completion())
        )
    )
    answer = asking(tight, "prod_ceo", f"{word} " + "word " * 14_500, max_tokens=100, stream=stream_)
    assert answer.status_code == 200, answer.text
    wait_until(lambda: used(tight, "prod_ceo")["tokens"] < 1000)


def pdf(pages: int, size: int) -> str:
    raw = b"%PDF-1.7\n" + b"<< /Type /Page /Parent 1 0 R >>\n" * pages
    return base64.b64encode(raw + b"x" * (size - len(raw))).decode()


@pytest.mark.parametrize(
    ("team", "model", "pages"),
    [("prod_ceo", "gpt-4o-mini", 1), ("prod_ceo", "gpt-4o", 9), ("prod_customer", "gpt-4o-mini", 4)],
)
def test_g9_a_pdf_is_reserved_as_it_is_billed(
    tight: GatewayProcess, answering: ScriptedUpstream, word: str, team: str, model: str, pages: int
) -> None:
    """G9: 120 kB in base64; neither refused nor taken for 40,000 tokens of text. The small model counts its pages'
    pictures at 38,000 tokens each, so that one fits 60,000 a minute, and four fit 200,000."""
    file = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{pdf(pages, 90_000)}"}
    content = [{"type": "text", "text": word}, {"type": "file", "file": file}]
    answer = asking(tight, team, content, model=model, max_tokens=100)
    assert (answer.status_code, answer.headers["x-gateway-escalated"]) == (200, "false"), answer.text
    assert answering.posted("chat/completions")[0]["messages"][0]["content"] == content


def test_g10_twenty_at_once_never_pass_the_dollars(tight: GatewayProcess, scripted: ScriptedUpstream) -> None:
    """G10: a document that only the provider sees may be billed as all that a model reads."""
    huge = {"prompt_tokens": 120_000, "completion_tokens": 500, "total_tokens": 120_500}
    scripted.script = chatting(told({**completion(), "usage": huge}))

    def one(number: int) -> int:
        content = [{"type": "text", "text": f"question {number}"}, {"type": "file", "file": {"file_id": OURS}}]
        return asking(tight, "prod_background", content, model="gpt-4o", max_tokens=500).status_code

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(one, range(20)))
    assert set(statuses) == {200, 429}
    spent = 120_000 * 2.5e-6 + 500 * 10e-6
    wait_until(lambda: used(tight, "prod_background")["usd_reserved"] == 0)
    booked = used(tight, "prod_background")["usd_today"]
    assert booked == pytest.approx(statuses.count(200) * spent)
    assert 0 < booked <= 1


def test_g10_a_file_of_another_team_does_not_exist(tight: GatewayProcess, answering: ScriptedUpstream) -> None:
    """G10's neighbour: the wall."""
    content = [{"type": "file", "file": {"file_id": OURS}}]
    refused = asking(tight, "admin", content)
    assert (refused.status_code, refused.json()["error"]["param"]) == (404, "messages[0].content[0].file.file_id")
    assert answering.asked == []


@pytest.mark.parametrize(
    ("model", "attempts"), [("gpt-4o", {"gpt-4o": 10.0}), ("gpt-4o-mini", {"gpt-4o-mini": 0.6, "gpt-4o": 10.0})]
)
@pytest.mark.parametrize("stream_", [False, True])
def test_g11_an_attempt_that_reached_the_provider_stays_booked(
    tight: GatewayProcess,
    scripted: ScriptedUpstream,
    word: str,
    model: str,
    attempts: dict[str, float],
    *,
    stream_: bool,
) -> None:
    """G11: the connection is reset after the request was taken; of a fallback both attempts may be billed."""
    scripted.script = chatting(Told(ending="reset"))
    before = used(tight, "admin")
    failed = asking(tight, "admin", word, model=model, max_tokens=1000, stream=stream_)
    assert failed.status_code == 502
    after = used(tight, "admin")
    output = sum(1000 * price / 1e6 for price in attempts.values())
    assert output <= after["usd_today"] - before["usd_today"] < output * 1.1
    assert after["usd_reserved"] == before["usd_reserved"]


def test_g11_an_attempt_that_reached_nobody_is_free(
    tight: GatewayProcess, scripted: ScriptedUpstream, word: str
) -> None:
    """G11's neighbour: an error that the provider answered with is not billed."""
    scripted.script = chatting(told({"error": {"message": "busy", "type": "t"}}, 503))
    before = used(tight, "admin")
    assert asking(tight, "admin", word, model="gpt-4o", max_tokens=1000).status_code == 503
    assert used(tight, "admin")["usd_today"] - before["usd_today"] < 0.0001


def test_g25_an_sdk_is_told_not_to_try_again_before_midnight(tight: GatewayProcess, scripted: ScriptedUpstream) -> None:
    """G25: the day's dollars are spent. (A wait within the window may be waited: `test_limits_seen_by_clients`.)"""
    usage = {"prompt_tokens": 100, "completion_tokens": 100, "total_tokens": 200}
    scripted.script = chatting(told({**completion(), "usage": usage}))
    answers = [
        asking(tight, "probe", f"question {number}", model="gpt-4o", max_tokens=100, cache={"no-cache": True})
        for number in range(10)
    ]
    statuses = [answer.status_code for answer in answers]
    refused = answers[-1]
    assert (statuses[0], refused.status_code, refused.headers["x-gateway-limit"]) == (200, 429, "usd")
    assert refused.headers["x-should-retry"] == "false"
    assert set(statuses) == {200, 429}


@pytest.mark.parametrize(
    ("team", "fields", "kind"),
    [
        ("probe", {}, openai.RateLimitError),
        ("prod_ceo", {"max_tokens": 16_384, "n": 4}, openai.BadRequestError),
    ],
    ids=["the day's dollars", "larger than the limit"],
)
def test_g25_openais_own_sdk_does_not_try_again_in_vain(
    tight: GatewayProcess, scripted: ScriptedUpstream, team: str, fields: dict[str, Any], kind: type[Exception]
) -> None:
    """G25, G7: with its own number of retries."""
    usage = {"prompt_tokens": 100, "completion_tokens": 1000, "total_tokens": 1100}
    scripted.script = chatting(told({**completion(), "usage": usage}))
    sent: list[httpx.Request] = []
    with httpx.Client(event_hooks={"request": [sent.append]}) as http:
        client = openai.OpenAI(base_url=f"{tight.url}/v1", api_key=tight.keys[team], http_client=http)
        assert client.max_retries > 0

        def until_refused() -> None:
            for number in range(10):
                sent.clear()
                messages: Any = [{"role": "user", "content": f"sdk question {number}"}]
                client.chat.completions.create(model="gpt-4o", messages=messages, **fields)

        with pytest.raises(kind) as refused:
            until_refused()
    assert len(sent) == 1
    assert getattr(refused.value, "request_id", None)


def png(width: int, height: int, size: int) -> str:
    raw = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height)
    return f"data:image/png;base64,{base64.b64encode(raw + bytes(size)).decode()}"


def test_g26_six_pictures_at_once_fit(tight: GatewayProcess, answering: ScriptedUpstream, word: str) -> None:
    """G26: of 1 MB and 1024 by 1024 pixels: four tiles, so 25,501 tokens each of 200,000."""

    def one(number: int) -> int:
        image = {"type": "image_url", "image_url": {"url": png(1024, 1024, 750_000)}}
        content = [{"type": "text", "text": f"{word} {number}"}, image]
        return asking(tight, "prod_customer", content, max_tokens=100).status_code

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert list(pool.map(one, range(6))) == [200] * 6
