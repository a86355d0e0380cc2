"""The record of one request, filled in while it is handled; response headers and the trace are made from it."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .config import Team
from .limits.limiter import Remaining
from .limits.pricing import Spend
from .settings import NANO

Tier = Literal["exact", "semantic", "alias", "miss", "bypass"]
WINDOW_S, DAY_S = 60, 86_400
Kind = Literal["chat", "responses", "embeddings", "moderations", "stored"]


@dataclass
class Outcome:
    """The record of one request.

    Attributes:
        kind: what was asked for; `stored` is whatever concerns what the provider keeps.
        id: names the request and its trace, 32 hex digits.
        tier: which cache answered; `miss` if one was asked in vain, `bypass` if none was asked.
        similarity: measured cosine to the nearest known wording, whether its answer was served or not.
        model: the model that really answered (for a cached answer: the one it was made with).
        fallback: the failure that made another model answer.
        spend: what the answering model was paid; `overhead`: the embedding; `unsettled`: the most that attempts may be
            billed that reached the provider and got no answer.
        judged: what verdicts cost that came in time. Each is reserved and booked by itself, since it may come late.
        saved: what a cached answer would have cost.
        provider_ns: how long the provider was waited for.
        lookup_ns: how long the semantic tier, or an identical request under way, was waited for.
        turned_away: why nobody read it: an operator has frozen the team's key, or the gateway had no place for it.
        warning, error: what went wrong, by the client's or by anybody else's doing.
    """

    team: Team
    kind: Kind = "chat"
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    started_ns: int = field(default_factory=time.time_ns)
    first_token_ns: int | None = None
    provider_ns: int = 0
    lookup_ns: int = 0
    requested_model: str | None = None
    model: str | None = None
    tier: Tier = "bypass"
    similarity: float | None = None
    served_by: str | None = None
    entry_id: str | None = None
    escalated: bool = False
    fallback: str | None = None
    stream: bool = False
    remaining: Remaining | None = None
    provider_headers: Mapping[str, str] = field(default_factory=dict)
    end_user: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    input: Any = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    answer: Any = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    spend: Spend = field(default_factory=Spend)
    overhead: Spend = field(default_factory=Spend)
    unsettled: Spend = field(default_factory=Spend)
    judged: Spend = field(default_factory=Spend)
    turned_away: Literal["", "frozen", "shed"] = ""
    status: int = 200
    warning: str | None = None
    error: str | None = None

    def begin_output(self) -> None:
        """The first piece of the answer is there."""
        self.first_token_ns = time.time_ns()

    @contextlib.contextmanager
    def waiting_for_provider(self) -> Iterator[None]:
        """The provider is waited for meanwhile."""
        began = time.monotonic_ns()
        try:
            yield
        finally:
            self.provider_ns += time.monotonic_ns() - began

    @property
    def hit(self) -> bool:
        """Whether the answer came from a cache."""
        return self.tier in ("exact", "semantic", "alias")

    @property
    def billable(self) -> Spend:
        """What its own reservation is settled with."""
        return self.spend + self.overhead + self.unsettled

    @property
    def total(self) -> Spend:
        """All that was paid for this request."""
        return self.billable + self.judged

    def headers(self) -> dict[str, str]:
        """The response headers that say what happened and what is left."""
        shown = {
            "x-gateway-request-id": self.id,
            "x-gateway-team": self.team.name,
            "x-gateway-cache": self.tier,
        }
        if self.model is not None and self.status < 400:
            shown["x-gateway-model"] = self.model
            shown["x-gateway-escalated"] = _word(self.escalated)
            shown["x-gateway-fallback"] = _word(self.fallback is not None)
        if self.similarity is not None:
            shown["x-gateway-similarity"] = f"{self.similarity:.4f}"
        if self.entry_id is not None:
            shown["x-gateway-cache-entry"] = self.entry_id
        if self.remaining is not None:
            shown |= limit_headers(self.team, self.remaining)
        shown["openai-processing-ms"] = str((time.time_ns() - self.started_ns) // 1_000_000)
        return {**shown, "x-request-id": f"req_{self.id}", **self.provider_headers}


def limit_headers(team: Team, remaining: Remaining) -> dict[str, str]:
    """Each limit of a team, what is left of it, and when all of it is free again if nothing else comes."""
    to_midnight_s = DAY_S - int(time.time()) % DAY_S
    return {
        "x-ratelimit-limit-requests": str(team.rpm),
        "x-ratelimit-remaining-requests": str(remaining.requests),
        "x-ratelimit-reset-requests": _span(WINDOW_S if remaining.requests < team.rpm else 0),
        "x-ratelimit-limit-tokens": str(team.tpm),
        "x-ratelimit-remaining-tokens": str(remaining.tokens),
        "x-ratelimit-reset-tokens": _span(WINDOW_S if remaining.tokens < team.tpm else 0),
        "x-ratelimit-limit-usd": _usd(team.daily_nano_usd),
        "x-ratelimit-remaining-usd": _usd(remaining.nano_usd),
        "x-ratelimit-reset-usd": _span(to_midnight_s if remaining.nano_usd < team.daily_nano_usd else 0),
    }


def _span(seconds: int) -> str:
    """A length of time as OpenAI writes it: 1h2m3s, 45s."""
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}h{minutes}m{seconds % 60}s" if hours else f"{minutes}m{seconds % 60}s" if minutes else f"{seconds}s"


def _usd(nano_usd: int) -> str:
    return f"{nano_usd / NANO:.6f}"


def _word(flag: bool) -> str:
    return "true" if flag else "false"
