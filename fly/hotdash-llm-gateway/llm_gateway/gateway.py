"""The gateway's parts put together, started in order, stopped in order."""

from __future__ import annotations

import asyncio
import logging
import time

from .api.background import Background
from .api.embeddings import Embeddings
from .api.finish import Finish
from .api.generation import Generation
from .api.moderations import Moderations
from .api.ownership import Ownership
from .api.requests import Requests
from .api.stored import Stored
from .cache.aliases import Aliases
from .cache.embedding import Embedder
from .cache.exact import ExactCache
from .cache.judge import Judge
from .cache.ledger import Ledger
from .cache.mirror import Mirror
from .cache.second_opinion import SecondOpinion
from .cache.semantic import SemanticCache
from .cache.semantic_tier import SemanticTier
from .cache.shadow import Shadow
from .cache.zones import Thresholds
from .config import GatewayConfig
from .environment import Environment
from .limits.limiter import Limiter
from .ops.selftest import SelfTest
from .ops.tally import Tally
from .settings import ConfigError
from .store import Store
from .teams import Teams
from .tracing.tracer import Tracer, connect
from .upstream.deployments import Deployments
from .upstream.provider import Provider

log = logging.getLogger(__name__)

FLUSH_S = 5.0
LONGEST_JUDGED_CONVERSATION = 4000
"""Characters of both conversations together; more is not worth a verdict's price."""


class Gateway:
    """One gateway process. Built without touching the network; `start` and `stop` run in its event loop."""

    def __init__(self, config: GatewayConfig, environment: Environment, teams: Teams) -> None:
        """Build all parts; raise ConfigError if the settings do not fit together."""
        url = environment.redis_url
        self.config = config
        self.teams = teams
        prefix = config.redis.key_prefix
        self.store = Store(
            url,
            prefix=prefix,
            timeout_s=config.redis.socket_timeout_s,
            breaker_open_s=config.redis.breaker_open_s,
        )
        self.limiter = Limiter(self.store, gateways=config.gateways)
        self._deployments = Deployments(config.litellm)
        self._provider = Provider(self._deployments)
        semantic = config.cache.semantic
        self.ledger = Ledger(
            self.store,
            prefix=prefix,
            bytes_per_team=config.cache.bytes_per_team,
            ttl_s={
                "exact": config.cache.exact_ttl_s,
                "semantic": semantic.ttl_s if semantic else config.cache.exact_ttl_s,
                "verdict": semantic.ttl_s if semantic else config.cache.exact_ttl_s,
            },
        )
        self.exact = ExactCache(self.ledger)
        self.embedder: Embedder | None = None
        self.mirror: Mirror | None = None
        self._semantic = self._semantic_tier(url) if semantic else None
        self.tally = Tally(self.store, prefix=prefix)
        self.shadow = Shadow(self.store, prefix=prefix, rate=config.cache.shadow_rate)
        self._second_opinion = (
            SecondOpinion(config, shadow=self.shadow, limiter=self.limiter, upstream=self._provider)
            if semantic
            else None
        )
        self._self_test = SelfTest(
            config, store=self.store, limiter=self.limiter, exact=self.exact, deployments=self._deployments
        )
        self._background: list[asyncio.Task[None]] = []
        self._stopping = False
        self.tracer: Tracer | None = None
        if config.langfuse and environment.langfuse:
            self.tracer = connect(config.langfuse, environment.langfuse)
        given = {name: team.provider_ids for name, team in config.teams.items()}
        self._ownership = Ownership(self.store, given)
        self._background_responses = Background(config, limiter=self.limiter, provider=self._provider)
        finish = Finish(config, tally=self.tally, tracer=self.tracer)
        limiter, provider = self.limiter, self._provider
        generation = Generation(
            config,
            limiter=limiter,
            exact=self.exact,
            semantic=self._semantic,
            provider=provider,
            ownership=self._ownership,
            background=self._background_responses,
            finish=finish,
            second_opinion=self._second_opinion,
        )
        self.requests = Requests(
            generation,
            Embeddings(config, limiter=limiter, exact=self.exact, provider=provider, finish=finish),
            Moderations(config, limiter=limiter, provider=provider, finish=finish),
            Stored(config, limiter=limiter, provider=provider, ownership=self._ownership, finish=finish),
            finish,
        )

    def _semantic_tier(self, url: str) -> SemanticTier:
        config, semantic = self.config, self.config.cache.semantic
        assert semantic is not None
        embedding = config.embedding
        self.embedder = Embedder(embedding, self._provider, config.prices[embedding.model])
        self.mirror = mirror = Mirror(
            url, prefix=config.redis.key_prefix, teams=list(config.teams), ttl_s=semantic.ttl_s
        )
        try:
            aliases = Aliases(semantic.aliases)
        except ValueError as error:
            raise ConfigError(f"gateway.cache.semantic.aliases: {error}") from error
        cache = SemanticCache(
            self.ledger,
            lambda: mirror.index,
            Judge(
                self.ledger,
                model=semantic.judge_model,
                timeout_s=semantic.judge_timeout_s,
                longest_conversation=LONGEST_JUDGED_CONVERSATION,
            ),
            thresholds=Thresholds(semantic.serve_at, semantic.judge_at),
            aliases=aliases,
            space=f"{embedding.model}/{embedding.dimensions}",
            embed_timeout_s=embedding.timeout_s,
        )
        return SemanticTier(config, cache=cache, embedder=self.embedder, upstream=self._provider, limiter=self.limiter)

    async def warm(self) -> None:
        """Do what makes first requests slow. Before listening, so that a process that accepts connections answers."""
        await self._self_test.warm()

    async def start(self) -> None:
        """Begin serving. Redis or Langfuse being away does not keep the gateway down, only unready."""
        await self.store.start()
        await self.limiter.start(self.config.teams.values())
        if self.mirror is not None:
            self._background.append(asyncio.create_task(self.mirror.run()))
        self._background.append(asyncio.create_task(self._self_test.until_passed()))
        self._background.append(asyncio.create_task(self.tally.run()))

    async def stop(self) -> None:
        """Settle what is under way, send the traces that wait, close all connections."""
        self._stopping = True
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        for part in (self._second_opinion, self._semantic):
            if part is not None:
                await part.close()
        await self._background_responses.close()
        await self._ownership.close()
        await self.tally.flush()
        await self.limiter.close()
        if self.tracer is not None:
            counts = await asyncio.to_thread(self.tracer.close, FLUSH_S)
            log.info("traces: %d sent, %d lost", counts.sent, counts.lost)
        await self._provider.aclose()
        await self.store.close()

    def not_ready(self) -> list[str]:
        """Why this gateway should get no traffic; empty if it should."""
        reasons = []
        if self._stopping:
            reasons.append("stopping")
        if self._self_test.pending is not None:
            reasons.append(f"self-test: {self._self_test.pending}")
        if self.store.down_since is not None:
            away_s = time.monotonic() - self.store.down_since
            if away_s > self.config.redis.unready_after_s:
                reasons.append(f"Redis has been away for {away_s:.0f} s")
        return reasons
