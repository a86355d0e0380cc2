"""What is derived from a request before it is sent: the model, the cache key, the highest possible cost."""

from __future__ import annotations

from dataclasses import dataclass

from ..cache.keys import CacheKey, Partition, exact_key, partition
from ..config import GatewayConfig, Team
from ..limits.pricing import Spend, at_most
from ..upstream.escalation import Choice, choose
from . import chat_request, responses_request
from .body import parse
from .offload import LARGE
from .request import API, Offer, Request


@dataclass(frozen=True)
class Prepared:
    """A request and what follows from it alone."""

    request: Request
    choice: Choice
    key: CacheKey | None
    partition: Partition | None


class Preparer:
    """Parses requests, with everything that is derived from them."""

    def __init__(self, config: GatewayConfig) -> None:
        self._config = config
        self._offer = Offer(
            config.chat_models, config.default_model, config.default_max_tokens, tuple(config.hosted_tools)
        )

    def prepare(self, team: Team, raw: bytes, api: API, cache_control: str | None) -> Prepared:
        """Parse a body and derive what takes time that grows with its size; meant to run in a thread.

        Args:
            team: whose key was sent.
            raw: the body as it came.
            api: which of the two APIs it speaks.
            cache_control: the request's Cache-Control header.

        Raises:
            BadRequest: the body is no valid request.
        """
        reader = chat_request if api == "chat" else responses_request
        request = reader.read(parse(raw), self._offer, cache_control=cache_control)
        if len(raw) > LARGE:
            _ = request.content  # Now, in this thread, and not on the event loop.
        choice = self.choice(request)
        if request.stateful or request.body.get("logprobs") or request.body.get("top_logprobs"):
            # Log probabilities do not survive the way from a stream to a kept answer.
            return Prepared(request, choice, None, None)
        kept = exact_key(request.identity, team=team.name, model=choice.model, per_user=team.per_user)
        return Prepared(request, choice, kept, self._partition(team, request, choice.model) if api == "chat" else None)

    def choice(self, request: Request) -> Choice:
        """The model to ask first."""
        tokens = request.size.text + request.size.earlier
        return choose(request.model, input_tokens=tokens, rule=self._config.escalation)

    def _partition(self, team: Team, request: Request, model: str) -> Partition | None:
        if self._config.cache.semantic is None or team.semantic == "off":
            return None
        if request.controls.no_cache and request.controls.no_store:
            return None
        return partition(request.identity, team=team.name, model=model, per_user=team.per_user)

    def most(self, request: Request, model: str) -> dict[str, Spend]:
        """What an attempt may cost at most (tokens and nano-USD), for each model that may be asked."""
        hosted = sum(self._config.hosted_tools[tool] * calls for tool, calls in request.hosted.items())
        names = dict.fromkeys([model, self._config.fallback.get(model) or model])
        return {
            name: at_most(self._config.prices[name], model=name, size=request.size, output_tokens=request.output_tokens)
            + Spend(0, hosted)
            for name in names
        }
