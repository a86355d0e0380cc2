"""An admitted request: what belongs to it from its reservation to its bill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .api.chat_request import ChatRequest
from .api.streaming import Chunk, text_of
from .cache.embedding import Vector
from .cache.exact import Hit
from .cache.keys import CacheKey, Partition
from .cache.single_flight import Lead
from .limits.limiter import Grant
from .limits.tokens import count_text
from .outcome import Outcome


@dataclass
class Work:
    """An admitted request on its way to an answer. `lead`: others wait for it; `vector`: its question, if embedded."""

    request: ChatRequest
    outcome: Outcome
    grant: Grant
    model: str
    input_tokens: int
    key: CacheKey | None
    room: Partition | None
    lead: Lead[Hit | None] | None = None
    vector: Vector | None = None
    booked: bool = False

    def land(self, hit: Hit | None) -> None:
        """Give requests that wait for this one the answer, or None: each is on its own. Only the first call counts."""
        if self.lead is not None:
            self.lead.finish(hit)

    def counted_usage(self, said: Sequence[Chunk]) -> dict[str, int]:
        """Usage by our own count, for an answer that came without."""
        read, written = self.input_tokens, count_text(text_of(said))
        return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
