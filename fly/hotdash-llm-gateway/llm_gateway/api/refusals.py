"""Replies to requests that got no answer: malformed, over a limit, or failed by the provider."""

from __future__ import annotations

import logging
import math

from ..limits.limiter import Refusal
from ..outcome import Outcome
from ..settings import NANO
from ..upstream.fallback import UpstreamError
from .chat_request import BadRequest
from .reply import Reply, error_reply

log = logging.getLogger(__name__)

LIMIT_NAMES = {"requests": "requests per minute", "tokens": "tokens per minute", "usd": "US dollars per day"}


def malformed(outcome: Outcome, error: BadRequest) -> Reply:
    """The client's own mistake."""
    outcome.status, outcome.warning = error.status, error.message
    return error_reply(
        error.status,
        error.message,
        kind="invalid_request_error",
        code=error.code,
        param=error.param,
        headers=outcome.headers(),
    )


def over_limit(outcome: Outcome, refusal: Refusal) -> Reply:
    """One of the team's limits leaves no room: which one, and when it will."""
    team, limit = outcome.team, refusal.limit
    most = {"requests": team.rpm, "tokens": team.tpm, "usd": f"{team.daily_nano_usd / NANO:g}"}[limit]
    wait_s = max(1, math.ceil(refusal.retry_after_s))
    outcome.status, outcome.warning = 429, f"limit reached: {most} {LIMIT_NAMES[limit]}"
    if refusal.too_large:
        what = (
            f"this request alone may take more than the limit of {most} {LIMIT_NAMES[limit]}; shorten it or max_tokens"
        )
    else:
        what = f"team {team.name} has reached its limit of {most} {LIMIT_NAMES[limit]}; try again in {wait_s} s"
    return error_reply(
        429,
        what,
        kind="rate_limit_exceeded",
        code=f"{limit}_limit_exceeded",
        headers={**outcome.headers(), "retry-after": str(wait_s), "x-gateway-limit": limit},
    )


def no_answer(outcome: Outcome, error: UpstreamError) -> Reply:
    """Both models, or the only one, failed."""
    outcome.error = error.message
    # The provider refusing our key is not the client's to mend, and its 401 would look like one.
    outcome.status = {401: 502, 403: 502, 408: 504}.get(error.status, error.status)
    headers = outcome.headers() | ({"retry-after": error.retry_after} if error.retry_after else {})
    message = error.message
    if error.status in (401, 403):
        log.error("the provider refuses the gateway's key: %d %s", error.status, error.message)
        message = "the provider refuses the gateway's credentials"
    return error_reply(outcome.status, message, kind=error.kind, code=error.code, param=error.param, headers=headers)
