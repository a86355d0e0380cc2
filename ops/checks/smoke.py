"""4.1: the gateway answers its teams in every way agents ask, and nobody else."""

from __future__ import annotations

from ops.checks import abilities
from ops.checks.asking import caller, told, unique
from ops.runbook.step import Look, missing, satisfied
from ops.services.gateway import Gateway
from ops.targets.deployment import Deployment


def smoke(deployment: Deployment) -> Look:
    """An answer for the operators' key, and everything an agent needs; 401, 404 and 4xx for what must be refused."""
    models = deployment.stack.models
    offered = abilities.offered(deployment.stack.edge.paths)
    with caller(deployment, deployment.stack.test_team.key) as gateway:
        answer = gateway.chat(models.default, f"Test message {unique()}")
        if answer.status != 200 or not answer.text:
            return missing(f"expected 200 with an answer, got {told(answer)}")
        refused = gateway.request("GET", "/health")
        if refused.status != 404:
            return missing(f"/health is off the allow-list but answered {refused.status}, not 404")
        other = gateway.chat("gpt-5", "Test message")
        if not 400 <= other.status < 500:
            return missing(f"an unknown model answered {other.status}, not 4xx")
        if unmet := abilities.unmet(gateway, models, offered):
            return missing("; ".join(unmet))
    with Gateway(deployment.target.endpoints(), None) as stranger:
        unknown = stranger.chat(models.default, "Test message")
    if unknown.status != 401:
        return missing(f"a request without a key answered {unknown.status}, not 401")
    if alive := still_working(deployment):
        return missing(f"rotated, but the old value still works: {', '.join(alive)}")
    tried = [", ".join(offered)]
    if withheld := [name for name in abilities.ABILITIES if name not in offered]:
        tried.append(f"not offered by this stack: {', '.join(withheld)}")
    seconds = f"200 from {answer.model or models.default} in {answer.seconds * 1000:.0f} ms"
    return satisfied("; ".join([seconds, *tried, "401, 404 and 4xx where due"]))


def still_working(deployment: Deployment) -> list[str]:
    """Names of the team keys whose replaced value, kept in the vault's version before, is not refused."""
    replaced = deployment.vault.replaced()
    alive = []
    for team in deployment.stack.resolved_teams:
        if team.key in replaced:
            with Gateway(deployment.target.endpoints(), replaced[team.key]) as holder:
                # Every stack offers chat. To a key that works an empty body is 400, at no cost.
                if holder.request("POST", abilities.CHAT, json={}).status != 401:
                    alive.append(team.key)
    return alive
