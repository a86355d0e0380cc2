"""Log probabilities of the tokens of an answer. A token is a piece of a stream here."""

from __future__ import annotations

from typing import Any

from ops.standins.openai.asked import Said
from ops.standins.openai.pieces import words


def of(piece: str, alternatives: int) -> dict[str, Any]:
    """The log probability of one token with those of ``alternatives`` that it won over, itself the first."""

    def one(token: str, rank: int) -> dict[str, Any]:
        return {"token": token, "logprob": round(-0.1 - 1.5 * rank, 4), "bytes": list(token.encode())}

    others = [one(piece if rank == 0 else f"{piece}~{rank}", rank) for rank in range(alternatives)]
    return {**one(piece, 0), "top_logprobs": others}


def whole(said: Said, alternatives: int | None) -> dict[str, Any] | None:
    """The ``logprobs`` of a choice; None when they were not asked for or it is a call."""
    if alternatives is None or said.calls:
        return None
    if said.refusal is not None:
        return {"content": None, "refusal": [of(piece, alternatives) for piece in words(said.refusal)]}
    return {"content": [of(piece, alternatives) for piece in words(said.text)], "refusal": None}
