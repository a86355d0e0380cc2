"""Responses that are made in the background: followed until they end, so that their true cost is booked."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from ..config import GatewayConfig
from ..limits.limiter import Limiter
from ..limits.pricing import spend
from ..upstream.errors import UpstreamError
from ..upstream.provider import Provider
from . import incremental_json
from .offload import offload
from .recorder import Recorder
from .response_answer import ENDED, ResponseAnswers

if TYPE_CHECKING:
    from .admitted_request import AdmittedRequest

log = logging.getLogger(__name__)

FIRST_LOOK_S, LONGEST_PAUSE_S = 1.0, 30.0
LONGEST_S = 3600.0
"""OpenAI keeps the result of a background response that is not stored for ten minutes; an hour is long enough."""


class Background:
    """Follows responses under way. One that is never seen to end stays booked at its estimate."""

    def __init__(self, config: GatewayConfig, *, limiter: Limiter, provider: Provider, recorder: Recorder) -> None:
        self._config, self._limiter, self._provider, self._recorder = config, limiter, provider, recorder
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, admitted: AdmittedRequest, model: str, identity: str) -> None:
        """Look at a response until it has ended, then settle its reservation, and count and trace the request."""
        admitted.share(None)
        task = asyncio.create_task(self._follow(admitted, model, identity))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop following."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, admitted: AdmittedRequest, model: str, identity: str) -> None:
        try:
            await self._until_ended(admitted, model, identity)
        finally:
            self._recorder.record(admitted.outcome)

    async def _until_ended(self, admitted: AdmittedRequest, model: str, identity: str) -> None:
        pause, waited = FIRST_LOOK_S, 0.0
        while waited < LONGEST_S:
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(pause * 1.5, LONGEST_PAUSE_S)
            try:
                said = await self._look(model, identity)
            except UpstreamError as error:
                if error.status == 404:
                    return
                continue
            if said.get("status") in ENDED:
                usage = ResponseAnswers().usage(said)
                admitted.outcome.answer = said
                if usage is not None:
                    admitted.outcome.usage = usage
                    admitted.outcome.spend += spend(self._config.prices[model], usage)
                    await admitted.settle(self._limiter)
                return
        log.warning("a background response was not seen to end within an hour; it stays booked at its estimate")

    async def _look(self, model: str, identity: str) -> dict[str, Any]:
        answer = await self._provider.whole(model, f"responses/{identity}", None, method="GET")
        try:
            said = await offload(len(answer.body), incremental_json.answer, answer.body)
        except (ValueError, RecursionError):
            return {}
        return said if isinstance(said, dict) else {}
