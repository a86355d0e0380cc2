"""What a request costs and what it may cost at most, in nano-USD."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..config import Price
from .tokens import InputSize

INPUT_MARGIN = 1.1
"""Our count of input tokens differs a little from the provider's; a reservation must not be below the bill."""

MOST_TOKENS = 10**9
"""Of one answer: above any model's, and far below what the counters hold."""


@dataclass(frozen=True)
class Spend:
    """Tokens and nano-USD, of one call or of several added up."""

    tokens: int = 0
    nano_usd: int = 0

    def __add__(self, other: Spend) -> Spend:
        return Spend(self.tokens + other.tokens, self.nano_usd + other.nano_usd)

    def either(self, other: Spend) -> Spend:
        """What bounds both where only one of them comes to pass."""
        return Spend(max(self.tokens, other.tokens), max(self.nano_usd, other.nano_usd))


def spend(price: Price, usage: Mapping[str, Any]) -> Spend:
    """The bill for one answer in tokens and nano-USD, from the `usage` the provider reported with it."""
    read = _count(usage.get("prompt_tokens"))
    written = _count(usage.get("completion_tokens"))
    details = usage.get("prompt_tokens_details")
    cached = min(_count(details.get("cached_tokens")), read) if isinstance(details, Mapping) else 0
    nano_usd = (read - cached) * price.input + cached * price.cached_input + written * price.output
    return Spend(read + written, nano_usd)


def _count(told: Any) -> int:
    """What the provider says of tokens, as a number that can be booked, whatever it is."""
    return int(min(max(told, 0), MOST_TOKENS)) if isinstance(told, int | float) and told == told else 0


def at_most(price: Price, *, model: str, size: InputSize, output_tokens: int) -> Spend:
    """What a request may cost at one of the models that may answer it.

    Args:
        price: of the model.
        model: its name, which decides what pictures count.
        size: of the input, by our own count.
        output_tokens: the most the answer may have, over all choices.
    """
    margin = int(size.text * INPUT_MARGIN) - size.text + 8
    read = size.tokens(model, price.context) + margin
    billed = size.billed_at_most(model, price.context) + margin
    return Spend(read + output_tokens, billed * price.input + output_tokens * price.output)
