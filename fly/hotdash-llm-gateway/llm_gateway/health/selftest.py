"""What must work before a gateway takes traffic: the imports are warm, the cache keeps, the limiter limits."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from dataclasses import replace

from ..cache.exact import ExactCache
from ..cache.keys import CacheKey
from ..config import GatewayConfig
from ..lasting import described
from ..limits.limiter import Limiter, Refusal, Reservation
from ..limits.tokens import encoding
from ..store import Store, StoreUnavailable
from ..upstream.deployments import Deployments

log = logging.getLogger(__name__)

RETRY_S = 2.0
MOST_REQUESTS = 100
TEAM = "self-test"
"""Name under which the test keeps and counts; no key belongs to it."""


class SelfTestFailed(Exception):
    """A part does not do its job; the text says which."""


class SelfTest:
    """Runs at the start until it has passed once. `pending` says what is still wrong, None once passed."""

    def __init__(
        self, config: GatewayConfig, *, store: Store, limiter: Limiter, exact: ExactCache, deployments: Deployments
    ) -> None:
        self._config, self._store, self._limiter = config, store, limiter
        self._exact, self._deployments = exact, deployments
        self.pending: str | None = "not finished"

    async def until_passed(self) -> None:
        """Try until everything works."""
        while self.pending is not None:
            try:
                await self._run()
            except SelfTestFailed as failed:
                self.pending = str(failed)
                log.warning("self-test: %s", failed)
            except Exception as error:  # Whatever it is, the gateway must say that it is not ready, and why.
                self.pending = type(error).__name__
                log.error("self-test: %s", described(error))
            else:
                self.pending = None
                log.info("self-test passed")
                return
            await asyncio.sleep(RETRY_S)

    async def warm(self) -> None:
        """Load what first calls would. It holds the event loop up for a second: before anybody is served."""
        encoding()
        for model in (*self._config.chat_models, *self._config.embedding_models):
            await self._deployments.choose(model)

    async def _run(self) -> None:
        if not self._store.available:
            raise SelfTestFailed("Redis is away")
        await self._cache_keeps()
        await self._limiter_limits()

    async def _cache_keeps(self) -> None:
        key, answer = CacheKey(TEAM, secrets.token_hex(16)), secrets.token_hex(8).encode()
        await self._exact.put(key, answer, ttl_s=60)
        hit = await self._exact.get(key)
        if hit is None or hit.body != answer:
            raise SelfTestFailed("the cache did not give back what it was given")
        if await self._exact.get(CacheKey(self._config.self_test_team, key.digest)) is not None:
            raise SelfTestFailed("the cache gave one team's answer to another")

    async def _limiter_limits(self) -> None:
        """Use up the requests of a team that mirrors the self-test team, and one more."""
        mirrored = self._config.teams[self._config.self_test_team]
        # A name of its own each time: a gateway that starts twice in a minute must not find its limit used up.
        team = replace(mirrored, name=f"{TEAM}-{secrets.token_hex(4)}", rpm=min(mirrored.rpm, MOST_REQUESTS))
        try:
            for _ in range(team.rpm):
                if not isinstance(await self._limiter.reserve(team, tokens=0, nano_usd=0), Reservation):
                    raise SelfTestFailed("the limiter refused a request below the limit")
            refused = await self._limiter.reserve(team, tokens=0, nano_usd=0)
            if not isinstance(refused, Refusal) or refused.limit != "requests":
                raise SelfTestFailed("the limiter admitted a request above the limit")
        finally:
            with contextlib.suppress(StoreUnavailable):
                await self._limiter.forget(team)
