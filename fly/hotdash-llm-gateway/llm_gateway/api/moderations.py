"""Moderations (OpenAI, "Create moderation"): free of charge, so they only count as requests, and go on as they came."""

from __future__ import annotations

from collections.abc import Mapping

from ..config import GatewayConfig
from ..limits.limiter import Limiter, Refusal
from ..outcome import Outcome
from ..upstream.provider import Provider, encode
from . import check
from .body import parse
from .errors import OverLimit
from .headers import passed_on
from .offload import offload
from .recorder import Recorder
from .reply import Reply

KNOWN: Mapping[str, check.Check] = {"input": check.anything, "model": check.text()}


class Moderations:
    """Passes moderation requests on."""

    def __init__(self, config: GatewayConfig, *, limiter: Limiter, provider: Provider, recorder: Recorder) -> None:
        self._config, self._limiter, self._provider, self._recorder = config, limiter, provider, recorder

    async def answer(self, outcome: Outcome, raw: bytes) -> Reply:
        """Answer one request.

        Args:
            outcome: of the request; its team is whose key was sent.
            raw: the body as it came.

        Raises:
            BadRequest, OverLimit, UpstreamError: there is no answer.
        """
        content = await offload(len(raw), _content, raw)
        admitted = await self._limiter.reserve(outcome.team, tokens=0, nano_usd=0)
        outcome.remaining = admitted.remaining
        if isinstance(admitted, Refusal):
            raise OverLimit(admitted)
        with outcome.waiting_for_provider():
            answer = await self._provider.whole(self._config.default_model, "moderations", content, names_model=False)
        outcome.provider_headers = passed_on(answer.headers)
        self._recorder.record(outcome)
        return Reply(200, answer.body, outcome.headers())


def _content(raw: bytes) -> bytes:
    """The body as it goes on; raises BadRequest."""
    sent = parse(raw)
    check.body(sent, KNOWN, needed=("input",))
    return encode(sent)
