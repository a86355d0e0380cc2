"""The gateway's parts put together, started in order, stopped in order."""

from __future__ import annotations

import asyncio
import logging
import time

from .api.background import Background
from .api.chat_answer import ChatAnswers
from .api.dispatch import Dispatcher
from .api.embeddings import Embeddings
from .api.generation import Generation
from .api.moderations import Moderations
from .api.ownership import Ownership
from .api.recorder import Recorder
from .api.stored import Stored
from .cache.embedding import Embedder
from .cache.entry_store import EntryStore
from .cache.exact import ExactCache
from .cache.semantic_tier import SemanticTier
from .config import GatewayConfig
from .environment import Environment
from .health.loop_delay import LoopDelay
from .health.meters import Meters
from .health.request_counters import RequestCounters
from .health.selftest import SelfTest
from .lasting import lasting
from .limits.limiter import Limiter
from .store import Store
from .switches import Switches
from .teams import Teams
from .tracing.delivery import Delivery
from .tracing.tracer import Tracer, connect
from .upstream.deployments import Deployments
from .upstream.provider import Provider

log = logging.getLogger(__name__)

FLUSH_S = 5.0


class Gateway:
    """One gateway process. Built without touching the network; `start` and `stop` run in its event loop."""

    def __init__(self, config: GatewayConfig, environment: Environment, teams: Teams) -> None:
        """Build all parts; raise ConfigError if the settings do not fit together."""
        self.config = config
        self.teams = teams
        prefix = config.redis.key_prefix
        self.store = Store(
            environment.redis_url,
            prefix=prefix,
            timeout_s=config.redis.socket_timeout_s,
            breaker_open_s=config.redis.breaker_open_s,
        )
        self.switches = Switches(self.store)
        self.limiter = Limiter(self.store, gateways=config.gateways)
        self._deployments = Deployments(config.litellm)
        self._provider = Provider(self._deployments)
        semantic = config.cache.semantic
        self.entry_store = EntryStore(
            self.store,
            prefix=prefix,
            bytes_per_team=config.cache.bytes_per_team,
            ttl_s={
                "exact": config.cache.exact_ttl_s,
                "semantic": semantic.ttl_s if semantic else config.cache.exact_ttl_s,
                "verdict": semantic.ttl_s if semantic else config.cache.exact_ttl_s,
            },
        )
        self.exact = ExactCache(self.entry_store, on=lambda: self.switches.cache_on("exact"))
        models = frozenset((*config.chat_models, *config.embedding_models, *config.prices))
        self.counters = RequestCounters(self.store, prefix=prefix, meters=Meters(frozenset(config.teams), models))
        self.embedder: Embedder | None = None
        self.semantic: SemanticTier | None = None
        if semantic:
            embedding = config.embedding
            self.embedder = Embedder(embedding, self._provider, config.prices[embedding.model])
            self.semantic = SemanticTier(
                config,
                semantic,
                store=self.store,
                entry_store=self.entry_store,
                embedder=self.embedder,
                upstream=self._provider,
                limiter=self.limiter,
                count=self.counters.add,
                keepable=ChatAnswers().keepable,
                on=lambda: self.switches.cache_on("semantic"),
            )
        # Of a cache tier that is switched off, too, it must be known whether it works.
        self._self_test = SelfTest(
            config,
            store=self.store,
            limiter=self.limiter,
            exact=ExactCache(self.entry_store),
            deployments=self._deployments,
        )
        self.loop_delay = LoopDelay()
        self._background: list[asyncio.Task[None]] = []
        self._stopping = False
        self.tracer: Tracer | None = None
        self.delivery: Delivery | None = None
        if config.langfuse and environment.langfuse:
            self.delivery = Delivery(environment.langfuse, config.teams, self.counters.history)
            self.tracer = connect(config.langfuse, environment.langfuse)
        given = {name: team.provider_ids for name, team in config.teams.items()}
        self._ownership = Ownership(self.store, given)
        recorder = Recorder(config, counters=self.counters, tracer=self.tracer)
        limiter, provider = self.limiter, self._provider
        self._background_responses = Background(config, limiter=limiter, provider=provider, recorder=recorder)
        generation = Generation(
            config,
            limiter=limiter,
            exact=self.exact,
            semantic=self.semantic,
            provider=provider,
            ownership=self._ownership,
            background=self._background_responses,
            recorder=recorder,
        )
        self.dispatcher = Dispatcher(
            generation,
            Embeddings(config, limiter=limiter, exact=self.exact, provider=provider, recorder=recorder),
            Moderations(config, limiter=limiter, provider=provider, recorder=recorder),
            Stored(config, limiter=limiter, provider=provider, ownership=self._ownership, recorder=recorder),
            recorder,
        )

    async def warm(self) -> None:
        """Do what makes first requests slow. Before listening, so that a process that accepts connections answers."""
        await self._self_test.warm()

    async def start(self) -> None:
        """Begin serving. Redis or Langfuse being away does not keep the gateway down, only unready."""
        await self.store.start()
        await self.limiter.start(self.config.teams.values())
        if self.semantic is not None:
            self._background.append(lasting(self.semantic.replica.load))
        self._background.append(lasting(self.switches.run))
        self._background.append(lasting(self._self_test.until_passed))
        self._background.append(lasting(self.counters.run))
        self._background.append(lasting(self.loop_delay.run))
        if self.delivery is not None:
            self._background.append(lasting(self.delivery.run))

    async def stop(self) -> None:
        """Settle what is under way, send the traces that wait, close all connections."""
        self._stopping = True
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        if self.semantic is not None:
            await self.semantic.close()
        await self._background_responses.close()
        await self._ownership.close()
        await self.counters.flush()
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
        if not self.switches.known:
            reasons.append("whether a team is frozen has not been read from Redis yet")
        if self.store.down_since is not None:
            away_s = time.monotonic() - self.store.down_since
            if away_s > self.config.redis.unready_after_s:
                reasons.append(f"Redis has been away for {away_s:.0f} s")
        return reasons
