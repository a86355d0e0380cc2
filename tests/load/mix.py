"""A day's traffic of a shop's agents, drawn from a seed: what is asked, by whom, and what has to come of it.

The mix, in shares of all requests:

===========  ====  =========================================================================
repeat       0.30  word for word what the team asked before: an answer from the exact cache
paraphrase   0.10  a question of the stand-in's shop in other words: a hit where the judge says so
near         0.08  close to such a question and not it: the judge says no
fresh        0.22  never asked before
stream       0.08  the same, streamed
tools        0.05  with tools that the model may call
long         0.02  over the length from which the larger model is asked
embedding    0.06  a text to embed; each third one asked before
error        0.03  the provider fails, and so does the one asked in its place
refused      0.03  no model has that name
limited      0.03  what may cost more than the team has left of its day
===========  ====  =========================================================================

Questions of the shop are from tests/standins/shop/questions.txt, each round of them with a system message of its own,
so that each wording is new again. The first of a round is ``fresh``.

Each team's first request is dear (``large``): it takes so much of its day that none of the kind ``limited`` fits.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SHARES = {
    "repeat": 0.30, "paraphrase": 0.10, "near": 0.08, "fresh": 0.22, "stream": 0.08, "tools": 0.05, "long": 0.02,
    "embedding": 0.06, "error": 0.03, "refused": 0.03, "limited": 0.03,
}  # fmt: skip
TEAMS = {"prod_customer": 0.55, "prod_ceo": 0.15, "prod_background": 0.25, "admin": 0.05}
TOPICS = ("How do I return {}?", "When does {} arrive?", "How do I pay for {}?")
SHOP = Path(__file__).parents[1] / "standins" / "shop" / "questions.txt"
SIGNS = {"paraphrase": "+", "near": "-"}
"""How the file marks what a topic's passage answers, and what comes close."""
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


@dataclass
class Round:
    """Questions of one topic of the shop, each asked once.

    Attributes:
        first: the one that the others are compared with.
        left: those not asked yet, by kind.
    """

    first: Asked
    left: dict[str, list[str]]


def day(requests: int, seed: int) -> Iterator[Asked]:
    """So many requests, always the same ones for a seed."""
    source = random.Random(seed)
    asked: dict[str, list[Asked]] = {team: [] for team in TEAMS}
    embedded: dict[str, list[Asked]] = {team: [] for team in TEAMS}
    rounds: dict[str, Round] = {}
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
        under_way = rounds.get(team)
        if (kind == "repeat" and not asked[team]) or (kind in SIGNS and not (under_way and under_way.left[kind])):
            kind = "fresh"
        if under_way and kind in SIGNS:
            made = _in_other_words(number, team, kind, under_way)
        elif kind == "fresh" and not (under_way and all(under_way.left.values())):
            rounds[team] = _round(number, team, source)
            made = rounds[team].first
        else:
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
    if kind == "repeat":
        first = source.choice(asked)
        return Asked(number, team, kind, CHAT, first.body, outcome, first.number)
    text = TOPICS[number % len(TOPICS)].format(f"order {number}")
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


def _in_other_words(number: int, team: str, kind: str, under_way: Round) -> Asked:
    first = under_way.first
    question = {"role": "user", "content": under_way.left[kind].pop()}
    body = {**first.body, "messages": [first.body["messages"][0], question]}
    return Asked(number, team, kind, CHAT, body, ANSWERED, first.number)


def _round(number: int, team: str, source: random.Random) -> Round:
    """A new round, begun with one of its questions."""
    left = {name: source.sample(each, len(each)) for name, each in source.choice(_topics()).items()}
    body = _chat(left["paraphrase"].pop())
    body["messages"].insert(0, {"role": "system", "content": f"You stand at counter {number} of a shop."})
    return Round(Asked(number, team, "fresh", CHAT, body, ANSWERED), left)


@cache
def _topics() -> Sequence[dict[str, list[str]]]:
    """The wordings of each topic of the shop, by kind."""
    found: list[dict[str, list[str]]] = []
    for line in SHOP.read_text(encoding="utf-8").splitlines():
        if line[:2] in ("+ ", "- "):
            found[-1]["paraphrase" if line[0] == SIGNS["paraphrase"] else "near"].append(line[2:])
        elif not line.startswith("#"):
            found.append({kind: [] for kind in SIGNS})
    return [topic for topic in found if all(topic.values())]


def _dear(text: str) -> dict[str, Any]:
    return _chat(text) | {"model": "gpt-4o", "n": 128, "max_tokens": 8_000}


def _chat(text: str) -> dict[str, Any]:
    return {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}]}


def _pick(source: random.Random, shares: dict[str, float]) -> str:
    return source.choices(list(shares), list(shares.values()))[0]
