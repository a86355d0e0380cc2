"""What litellm.config.yaml says that the stack file only implies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.description.stack import Stack


def prices(stack: Stack) -> dict[str, dict[str, float]]:
    """USD per million tokens by model and kind of token, kinds without a price left out."""
    import msgspec

    return {
        model: {kind: value for kind, value in msgspec.structs.asdict(price).items() if value is not None}
        for model, price in stack.models.prices.items()
    }


def self_test_team(stack: Stack) -> str:
    """The team the gateway's self-test mirrors: the one that mirrors another for tests, else the last."""
    teams = stack.resolved_teams
    return next((team.name for team in teams if team.mirrors), teams[-1].name)
