"""The parts of the semantic tier, put together for a configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..config import GatewayConfig, Semantic
from ..limits.limiter import Limiter
from ..settings import ConfigError
from ..store import Store
from ..upstream.provider import Provider
from .answers import Answers, Keepable
from .asking import Asker, Count
from .embedding import Embedder
from .judge import PROMPT_VERSION
from .labels import LabelStore
from .ledger import Ledger
from .mirror import Mirror
from .second_opinion import SecondOpinion
from .semantic_tier import SemanticTier
from .wording import Aliases


@dataclass(frozen=True)
class SemanticParts:
    """What the gateway needs to know of the semantic tier."""

    tier: SemanticTier
    second_opinion: SecondOpinion
    mirror: Mirror
    labels: LabelStore
    max_wrong: float


def assemble(
    config: GatewayConfig,
    semantic: Semantic,
    *,
    store: Store,
    ledger: Ledger,
    embedder: Embedder,
    upstream: Provider,
    limiter: Limiter,
    count: Count,
    keepable: Keepable,
    on: Callable[[], bool] = lambda: True,
) -> SemanticParts:
    """Build the tier; raise ConfigError if its aliases are unusable.

    Args:
        keepable: whether an answer is whole and may be given again.
        on: whether the tier may be used now.
    """
    try:
        aliases = Aliases(semantic.aliases)
    except ValueError as error:
        raise ConfigError(f"gateway.cache.semantic.aliases: {error}") from error
    prefix, space = config.redis.key_prefix, f"{config.embedding.model}/{config.embedding.dimensions}"
    mirror = Mirror(store, prefix=prefix, teams=list(config.teams))
    labels = LabelStore(store, ledger, prefix=prefix, space=f"{space}/{semantic.judge_model}/{PROMPT_VERSION}")
    asker = Asker(upstream, limiter, count, model=semantic.judge_model, price=config.prices[semantic.judge_model])
    tier = SemanticTier(
        config,
        semantic,
        answers=Answers(ledger, aliases, space=space),
        mirror=mirror,
        labels=labels,
        embedder=embedder,
        asker=asker,
        count=count,
        keepable=keepable,
        on=on,
    )
    second_opinion = SecondOpinion(
        config,
        store=store,
        ledger=ledger,
        labels=labels,
        asker=asker,
        limiter=limiter,
        upstream=upstream,
        keepable=keepable,
    )
    return SemanticParts(tier, second_opinion, mirror, labels, semantic.max_wrong)
