"""4.6: the Langfuse UI lets its operator in and nobody else, and shows the traces with costs and cache hits."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import Look, missing, satisfied, say
from ops.services.gateway import Gateway
from ops.services.langfuse import Langfuse
from ops.services.langfuse_accounts import PASSWORD, PUBLIC, SECRET
from ops.targets.deployment import Deployment

VISIBLE_WITHIN = 120.0  # seconds; Langfuse shows a trace after 2 to 5 s, later when busy


def ui(deployment: Deployment) -> Look:
    """Log in, send a question twice, and wait until both its traces can be read back: a miss with a cost, and a hit."""
    stack, endpoints = deployment.stack, deployment.target.endpoints()
    problem = _login_problem(deployment)
    if problem:
        return missing(problem)
    # A user of its own, so that the two traces are found among any amount of other traffic.
    user = f"langfuse-probe-{uuid.uuid4().hex}"
    since = datetime.now(UTC) - timedelta(seconds=5)
    with Gateway(endpoints, deployment.vault.get(stack.test_team.key)) as gateway:
        for _ in range(2):
            # A system prompt of its own as well: the end users of a team share answers.
            answer = gateway.chat(stack.models.default, "What does a trace cost?", system=f"For {user}.", user=user)
            if answer.status != 200:
                return missing(f"the gateway answered {answer.status}: {answer.error}")
    with Langfuse(endpoints, deployment.vault.get(PUBLIC), deployment.vault.get(SECRET)) as langfuse:
        seen: list[dict[str, Any]] = []

        def both_visible() -> bool:
            seen[:] = langfuse.observations(since, user)
            return len(seen) == 2 and any(_cost(item) > 0 for item in seen) and any(_is_hit(item) for item in seen)

        interrupt.wait_until(
            both_visible,
            what="the traces to appear in Langfuse",
            timeout=VISIBLE_WITHIN,
            every=0.5,
            say=say,
            code="TEST-004",
            next="inv deploy.logs worker",
        )
    cost = sum(_cost(item) for item in seen)
    return satisfied(f"login works; both traces are there: one of {cost:.6f} USD, one cache hit")


def _login_problem(deployment: Deployment) -> str:
    """What is wrong with the login, or an empty string."""
    stack, endpoints = deployment.stack, deployment.target.endpoints()
    email = stack.stack.operator_email
    with _visitor(deployment) as visitor:
        session = visitor.login(email, deployment.vault.get(PASSWORD))
    user = session.get("user") or {}
    if user.get("email") != email:
        return f"{email} cannot log in at {endpoints.langfuse}"
    projects = {project["id"] for organization in user.get("organizations", []) for project in organization["projects"]}
    if stack.langfuse.project_id not in projects:
        return f"{email} is in, but does not see project {stack.langfuse.project_id}"
    with _visitor(deployment) as visitor:
        if visitor.login(email, Secret(uuid.uuid4().hex)).get("user"):
            return "a wrong password was let in"
        if not sign_up_is_off(visitor, email):
            return "signing up is not disabled"
    if alive := still_working(deployment):
        return f"rotated, but the old value still works: {', '.join(alive)}"
    return ""


def sign_up_is_off(visitor: Langfuse, email: str) -> bool:
    """Whether Langfuse refuses a complete request for an account, and says that this is why.

    It checks a body before anything else, so an incomplete one proves nothing. The address is the operator's own: where
    signing up is open after all, there is an account for it already, and none is made.
    """
    account = {"name": "Operator", "email": email, "password": f"Aa1!{uuid.uuid4().hex}"}
    answer = visitor.site.request("POST", "/api/auth/signup", json=account)
    return answer.status_code == 422 and "sign up is disabled" in answer.text.lower()


def still_working(deployment: Deployment) -> list[str]:
    """Names whose replaced value, kept in the vault's version before, Langfuse still takes."""
    replaced, alive = deployment.vault.replaced(), []
    if PUBLIC in replaced and SECRET in replaced:
        with Langfuse(deployment.target.endpoints(), replaced[PUBLIC], replaced[SECRET]) as holder:
            if holder.site.request("GET", "/api/public/projects", auth=holder.auth).status_code != 401:
                alive.append(PUBLIC)
    if PASSWORD in replaced:
        with _visitor(deployment) as visitor:
            if visitor.login(deployment.stack.stack.operator_email, replaced[PASSWORD]).get("user"):
                alive.append(PASSWORD)
    return alive


def _visitor(deployment: Deployment) -> Langfuse:
    vault = deployment.vault
    return Langfuse(deployment.target.endpoints(), vault.get(PUBLIC), vault.get(SECRET))


def _cost(item: dict[str, Any]) -> float:
    try:
        return float(item.get("totalCost") or 0.0)
    except (TypeError, ValueError):
        raise RunbookError("LF-002", "Langfuse gave a cost that is no number", next="inv explain LF-002") from None


def _is_hit(item: dict[str, Any]) -> bool:
    return str((item.get("metadata") or {}).get("cache_hit", "")).lower() == "true"
