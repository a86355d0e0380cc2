"""Replies to requests that got no answer: malformed, over a limit, or failed by the provider."""

from __future__ import annotations

import logging
import math
from datetime import UTC, datetime

from ..config import Team
from ..limits.limiter import Refusal
from ..outcome import Outcome
from ..settings import NANO
from ..switches import Thrown
from ..upstream.errors import UpstreamError
from .errors import BadRequest
from .headers import passed_on
from .reply import Reply, error_reply

log = logging.getLogger(__name__)

LIMIT_NAMES = {"requests": "requests per minute", "tokens": "tokens per minute", "usd": "US dollars per day"}
WORTH_WAITING_S = 60
"""Longer than this a client's SDK should not wait by itself: it would try three times in two seconds and give up."""
NO_RETRY = {"x-should-retry": "false"}
"""OpenAI's SDKs heed it before anything else."""


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
    """One of the team's limits leaves no room: which one, and when it will; 400 if it never will."""
    team, limit = outcome.team, refusal.limit
    most = {"requests": team.rpm, "tokens": team.tpm, "usd": f"{team.daily_nano_usd / NANO:g}"}[limit]
    headers = {**outcome.headers(), "x-gateway-limit": limit}
    if refusal.too_large:
        outcome.status, outcome.warning = 400, f"larger than the limit: {most} {LIMIT_NAMES[limit]}"
        return error_reply(
            400,
            f"this request alone may take more than the limit of {most} {LIMIT_NAMES[limit]}; "
            "shorten it, or lower max_tokens or n",
            kind="invalid_request_error",
            code="request_above_limit",
            headers={**headers, **NO_RETRY},
        )
    outcome.status, outcome.warning = 429, f"limit reached: {most} {LIMIT_NAMES[limit]}"
    wait_s = max(1, math.ceil(refusal.retry_after_s))
    return error_reply(
        429,
        f"team {team.name} has reached its limit of {most} {LIMIT_NAMES[limit]}; try again in {wait_s} s",
        kind="rate_limit_exceeded",
        code=f"{limit}_limit_exceeded",
        headers={**headers, "retry-after": str(wait_s), **(NO_RETRY if wait_s > WORTH_WAITING_S else {})},
    )


def team_frozen(team: Team, frozen: Thrown) -> Reply:
    """An operator has frozen the team's key: trying again does not help."""
    since = datetime.fromtimestamp(frozen.since, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return error_reply(
        403,
        f"the key of team {team.name} has been frozen since {since}; only the gateway's operator can thaw it",
        kind="invalid_request_error",
        code="team_frozen",
        headers=NO_RETRY,
    )


def overloaded(retry_s: int) -> Reply:
    """This gateway has as many requests under way as it can; `retry_s`: in how many seconds it may have room."""
    return error_reply(
        503,
        f"too many requests are under way; try again in {retry_s} s",
        kind="server_error",
        code="overloaded",
        headers={"retry-after": str(retry_s)},
    )


def no_answer(outcome: Outcome, error: UpstreamError) -> Reply:
    """Both models, or the only one, failed. What the provider said of it goes on as it was said."""
    outcome.error = error.message
    # The provider refusing our key is not the client's to mend, and its 401 would look like one.
    outcome.status = {401: 502, 403: 502, 408: 504}.get(error.status, error.status)
    outcome.provider_headers = passed_on(error.headers)
    headers = outcome.headers()
    for name in ("retry-after", "retry-after-ms", "x-should-retry"):
        if error.headers.get(name):
            headers[name] = error.headers[name]
    if error.status in (401, 403):
        log.error("the provider refuses the gateway's key: %d %s", error.status, error.message)
        return error_reply(
            outcome.status, "the provider refuses the gateway's credentials", kind="upstream_error", headers=headers
        )
    if error.body is not None:
        return Reply(outcome.status, error.body, headers)
    return error_reply(
        outcome.status, error.message, kind=error.kind, code=error.code, param=error.param, headers=headers
    )
