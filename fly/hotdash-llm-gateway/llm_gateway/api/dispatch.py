"""Dispatch of a team's requests to their handlers; errors become replies, and every request is counted and traced."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from ..config import Team
from ..outcome import Kind, Outcome
from ..store import StoreUnavailable
from ..switches import Thrown
from ..upstream.errors import UpstreamError
from .capacity import Full
from .embeddings import Embeddings
from .errors import BadRequest, OverLimit
from .generation import Generation
from .moderations import Moderations
from .recorder import Recorder
from .refusals import malformed, no_answer, over_limit, overloaded, team_frozen
from .reply import Reply
from .request import API
from .routes import Match, Route
from .stored import Stored

KINDS: dict[Route, Kind] = {
    Route.CHAT: "chat", Route.RESPONSES: "responses", Route.EMBEDDINGS: "embeddings",
    Route.MODERATIONS: "moderations", Route.STORED: "stored",
}  # fmt: skip
RETRY_S = "5"


@dataclass(frozen=True)
class Dispatcher:
    """What answers the requests of each route."""

    generation: Generation
    embeddings: Embeddings
    moderations: Moderations
    stored: Stored
    recorder: Recorder

    async def dispatch(
        self,
        team: Team,
        found: Match,
        raw: bytes,
        *,
        query: str = "",
        cache_control: str | None = None,
        refused: BadRequest | None = None,
    ) -> Reply:
        """Answer one request of a team; every failure is a reply, and every reply is traced.

        Args:
            team: whose key was sent.
            found: the route and what its path names.
            raw: the body as it came.
            query: the query string as it came.
            cache_control: the Cache-Control header.
            refused: why the body was not read, if it was not.
        """
        outcome = Outcome(team, KINDS[found.route])
        try:
            if refused is not None:
                raise refused
            return await self._answer(outcome, found, raw, query, cache_control)
        except BadRequest as error:
            reply = malformed(outcome, error)
        except OverLimit as error:
            reply = over_limit(outcome, error.refusal)
        except UpstreamError as error:
            reply = no_answer(outcome, error)
        except StoreUnavailable:
            message = "whose this is cannot be looked up now; try again"
            away = UpstreamError(503, message, kind="server_error", headers={"retry-after": RETRY_S})
            reply = no_answer(outcome, away)
        except asyncio.CancelledError:
            # The time for a stop has run out: what the provider will bill is not known.
            outcome.error = "the gateway stopped before there was an answer"
            self.recorder.record(outcome)
            raise
        except Exception as error:
            outcome.status, outcome.error = 500, f"the gateway failed: {type(error).__name__}"
            self.recorder.record(outcome)
            raise
        self.recorder.record(outcome)
        return reply

    def note_unread(self, team: Team, found: Match, status: int, why: str) -> None:
        """Count and trace a request whose body did not come, or was too long: like any that is malformed."""
        self.recorder.record(Outcome(team, KINDS[found.route], status=status, warning=why))

    def refuse_frozen(self, team: Team, found: Match, frozen: Thrown) -> Reply:
        """Refuse a team whose key is frozen."""
        return self._turned_away(team, found, team_frozen(team, frozen), "frozen")

    def shed(self, team: Team, found: Match, full: Full) -> Reply:
        """Refuse a request because too many are under way."""
        return self._turned_away(team, found, overloaded(full.retry_s), "shed")

    def _turned_away(self, team: Team, found: Match, reply: Reply, why: Literal["frozen", "shed"]) -> Reply:
        """The reply to a request that nobody reads; counted like others, of which a list of models is none."""
        if (kind := KINDS.get(found.route)) is not None:
            self.recorder.record(Outcome(team, kind, status=reply.status, turned_away=why))
        return reply

    async def _answer(self, outcome: Outcome, found: Match, raw: bytes, query: str, cache_control: str | None) -> Reply:
        if found.route is Route.EMBEDDINGS:
            return await self.embeddings.answer(outcome, raw, cache_control=cache_control)
        if found.route is Route.MODERATIONS:
            return await self.moderations.answer(outcome, raw)
        if found.stored is not None:
            return await self.stored.answer(outcome, found.stored, dict(found.ids), query, raw)
        api: API = "responses" if found.route is Route.RESPONSES else "chat"
        return await self.generation.answer(outcome, raw, api, cache_control=cache_control)
