"""A day's traffic of a shop's agents, drawn from a seed: what is asked, by whom, and what has to come of it.

The mix, in shares of all requests:

===========  ====  =========================================================================
repeat       0.30  word for word what the team asked before: an answer from the exact cache
paraphrase   0.10  the same question in other words: a hit if the judge says so
near         0.08  close to a question and not it: the same, and it should not be one
fresh        0.22  never asked before
stream       0.08  the same, streamed
tools        0.05  with tools that the model may call
long         0.02  over the length from which the larger model is asked
embedding    0.06  a text to embed; each third one asked before
error        0.03  the provider fails, and so does the one asked in its place
refused      0.03  no model has that name
limited      0.03  what may cost more than the team has left of its day
===========  ====  =========================================================================

Each team's first request is dear (``large``): it takes so much of its day that none of the kind ``limited`` fits.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

SHARES = {
    "repeat": 0.30, "paraphrase": 0.10, "near": 0.08, "fresh": 0.22, "stream": 0.08, "tools": 0.05, "long": 0.02,
    "embedding": 0.06, "error": 0.03, "refused": 0.03, "limited": 0.03,
}  # fmt: skip
TEAMS = {"prod_customer": 0.55, "prod_ceo": 0.15, "prod_background": 0.25, "admin": 0.05}
TOPICS = (
    ("How do I return {}?", "What is the way to send {} back?", "Can {} never be returned?"),
    ("When does {} arrive?", "How long until {} is delivered?", "When did {} arrive last year?"),
    ("How do I pay for {}?", "Which ways are there of paying for {}?", "How do I get my money back for {}?"),
)
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
CHAT = "/v1/chat/completions"
ANSWERED, FAILED, REFUSED, LIMITED = "answered", "failed", "malformed", "limited"
OUTCOMES = {"error": FAILED, "refused": REFUSED, "limited": LIMITED}
DAILY_USD = 15
"""What a team may spend under this traffic: of it `large` costs ten, and a `limited` one might cost as much."""
LARGE_TOKENS = 1_000_000
"""Of the answer to `large`, as the provider is to say."""


@dataclass(frozen=True)
class Asked:
    """One request.

    Attributes:
        outcome: how it has to end.
        after: the number of the request that must have been answered before, since this one repeats it.
    """

    number: int
    team: str
    kind: str
    path: str
    body: dict[str, Any]
    outcome: str
    after: int | None = None


def day(requests: int, seed: int) -> Iterator[Asked]:
    """So many requests, always the same ones for a seed."""
    source = random.Random(seed)
    asked: dict[str, list[Asked]] = {team: [] for team in TEAMS}
    embedded: dict[str, list[Asked]] = {team: [] for team in TEAMS}
    large = {team: number for number, team in enumerate(TEAMS)}
    for number in range(requests):
        if number < len(large):
            team = list(TEAMS)[number]
            yield Asked(number, team, "large", CHAT, _dear(f"kind=large for {team}"), ANSWERED)
            continue
        team, kind = _pick(source, TEAMS), _pick(source, SHARES)
        if kind == "limited":
            yield Asked(number, team, kind, CHAT, _dear(f"order {number}"), LIMITED, large[team])
            continue
        if kind in ("repeat", "paraphrase", "near") and not asked[team]:
            kind = "fresh"
        made = _made(number, team, kind, source, asked[team], embedded[team])
        if kind == "fresh":
            asked[team].append(made)
        elif kind == "embedding" and made.after is None:
            embedded[team].append(made)
        yield made


def _made(
    number: int, team: str, kind: str, source: random.Random, asked: Sequence[Asked], embedded: Sequence[Asked]
) -> Asked:
    outcome = OUTCOMES.get(kind, ANSWERED)
    if kind == "embedding":
        if embedded and source.random() < 1 / 3:
            first = source.choice(embedded)
            return Asked(number, team, kind, first.path, first.body, outcome, first.number)
        body = {"model": "text-embedding-3-large", "input": f"text {number} of {team}"}
        return Asked(number, team, kind, "/v1/embeddings", body, outcome)
    if kind in ("repeat", "paraphrase", "near"):
        first = source.choice(asked)
        text = first.body["messages"][0]["content"]
        if kind == "repeat":
            return Asked(number, team, kind, CHAT, first.body, outcome, first.number)
        topic, thing = _topic(first.number), f"order {first.number}"
        text = f"{topic[1 if kind == 'paraphrase' else 2].format(thing)} Thanks, {number}."
        return Asked(number, team, kind, CHAT, _chat(text), outcome, first.number)
    text = _topic(number)[0].format(f"order {number}")
    if kind == "long":
        text += " word" * 2100
    elif kind == "error":
        text += " kind=error"
    body = _chat(text)
    if kind == "error":
        body["cache"] = {"no-cache": True}  # The judge is not to fail with it.
    if kind == "stream":
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    elif kind == "tools":
        body["tools"] = [TOOL]
    elif kind == "refused":
        body["model"] = "no-such-model"
    return Asked(number, team, kind, CHAT, body, outcome)


def _dear(text: str) -> dict[str, Any]:
    return _chat(text) | {"model": "gpt-4o", "n": 128, "max_tokens": 8_000}


def _chat(text: str) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}


def _topic(number: int) -> tuple[str, str, str]:
    return TOPICS[number % len(TOPICS)]


def _pick(source: random.Random, shares: dict[str, float]) -> str:
    return source.choices(list(shares), list(shares.values()))[0]
