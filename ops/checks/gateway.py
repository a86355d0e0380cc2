"""The tests of the gateway, 4.2 to 4.5, as the seed describes them, against any target."""

from __future__ import annotations

import secrets
import zlib
from concurrent.futures import ThreadPoolExecutor

from ops.checks.asking import caller, told, unique
from ops.checks.switches import explained
from ops.description.stack import Team
from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, missing, satisfied, say, unavailable
from ops.services.gateway import Answer, Gateway
from ops.targets.deployment import Deployment

FAST = 0.100  # seconds; the seed's bound for an exact hit
SHOP = (
    "You answer for a shop. Its rules: unused items can be returned within 30 days; open My Orders, press Return and "
    "drop the parcel at a post office; the money is back on the card five days after the parcel has arrived."
)
WORDINGS = ("What is the return policy?", "What's your refund policy?", "How do I return an item?")
"""The seed's three, the first of them stored."""
FURTHER_WORDINGS = (
    "Can you tell me how returns work here?",
    "How can I get a refund for something I bought?",
    "I want to give an item back, what do I do?",
    "Please explain your policy on returned goods.",
    "What is the procedure for refunds?",
    "How would I send back a purchase?",
    "Is it possible to return a purchase for a refund?",
    "What do I need to know before I return a product?",
)
"""One of these is drawn: the test cannot be passed by a list of its questions."""
OTHER_QUESTIONS = ("What is your shipping policy?", "Which items can not be returned?")
"""Another subject, and a negation."""


def exact_cache(deployment: Deployment) -> Look:
    """4.2: the same request three times; the second and third are exact hits under 100 ms."""
    return explained(_exact_cache(deployment), deployment, "exact")


def _exact_cache(deployment: Deployment) -> Look:
    # A system prompt of its own: a similar question of an earlier run must not answer for the first one.
    question, system = "What are your opening hours?", f"You answer for a shop. Conversation {unique()}."
    with caller(deployment, deployment.stack.test_team.key) as gateway:
        answers = [gateway.chat(deployment.stack.models.default, question, system=system) for _ in range(3)]
    first, *hits = answers
    times = ", ".join(f"{answer.cache or answer.status} {answer.seconds * 1000:.0f} ms" for answer in answers)
    if first.status != 200 or first.cache != "miss":
        return missing(f"the first request should be a miss: {told(first)}")
    for hit in hits:
        if hit.status != 200 or hit.cache != "exact":
            return missing(f"expected exact hits: {times}")
        if hit.text != first.text:
            return missing("a hit differs from the answer it repeats")
        if hit.seconds >= FAST:
            return missing(f"a hit took {hit.seconds * 1000:.0f} ms, the bound is {FAST * 1000:.0f} ms: {times}")
    return satisfied(times)


def quota(deployment: Deployment, key: str = "") -> Look:
    """4.4: with the probe key, as many requests as the limit pass within a minute and the next one is 429.

    Args:
        key: a team to test instead of the probe; only on explicit request, since it spends that team's quota.
    """
    team = deployment.stack.probe_team if not key else deployment.team(key)
    question = f"quota probe {unique()}"
    with caller(deployment, team.key) as gateway:
        first = _fresh_window(gateway, deployment, team, question)
        # The same question again and again: after the first answer these are cache hits, which count but cost nothing.
        with ThreadPoolExecutor(8) as pool:
            rest = list(
                pool.map(lambda _: gateway.chat(deployment.stack.models.default, question), range(team.rpm - 1))
            )
        over = gateway.chat(deployment.stack.models.default, question)
    passed = sum(answer.status == 200 for answer in (first, *rest))
    if passed != team.rpm:
        odd = next(answer for answer in (first, *rest) if answer.status != 200)
        return missing(f"{passed} of {team.rpm} requests passed; one got {told(odd)}")
    if over.status != 429:
        return missing(f"request {team.rpm + 1} answered {over.status}, not 429")
    wait = over.headers.get("retry-after", "")
    if not wait.isdigit() or not 1 <= int(wait) <= 60:
        return missing(f"429 carries Retry-After '{wait}', expected 1 to 60 s")
    limit = over.headers.get("x-gateway-limit", "requests")
    return satisfied(f"{team.rpm} passed, request {team.rpm + 1}: 429 ({limit}), Retry-After {wait} s")


def semantic_cache(deployment: Deployment) -> Look:
    """4.3: three wordings of one question and one drawn from several are one answer; two other questions are not.

    The draw is told in the evidence; the variable RUNBOOK_SEED repeats it.
    """
    if not deployment.stack.cache.semantic:
        return unavailable("this stack has no semantic cache (cache.semantic = false)")
    return explained(_semantic_cache(deployment), deployment, "semantic")


def _semantic_cache(deployment: Deployment) -> Look:
    team = deployment.stack.test_team
    if team.semantic != "wait":
        return missing(
            f"the semantic cache is on, but the tests' team {team.name} does not wait for its judge: "
            f'semantic = "{team.semantic}" in teams.{team.name}'
        )
    seed = deployment.environ.get("RUNBOOK_SEED") or str(secrets.randbelow(10_000))
    drawn = FURTHER_WORDINGS[zlib.crc32(seed.encode()) % len(FURTHER_WORDINGS)]
    # A system prompt of its own makes a fresh partition, so that an earlier run cannot answer for this one.
    system = f"{SHOP} Conversation {unique()}."
    with caller(deployment, team.key) as gateway:
        first, *rest = [
            gateway.chat(deployment.stack.models.default, text, system=system)
            for text in (*WORDINGS, drawn, *OTHER_QUESTIONS)
        ]
    similar, others = rest[: -len(OTHER_QUESTIONS)], rest[-len(OTHER_QUESTIONS) :]
    served = ", ".join(f"{answer.cache or answer.status} {answer.similarity}".strip() for answer in (first, *similar))
    missed = ", ".join(answer.cache or str(answer.status) for answer in others)
    shown = f'{served} ("{drawn}", seed {seed}); others: {missed}'
    if first.status != 200 or first.cache != "miss":
        return missing(f"the first wording should be a miss: {shown}")
    if any(answer.cache != "semantic" or answer.text != first.text for answer in similar):
        return missing(f"expected semantic hits with the first answer: {shown}")
    if any(answer.status != 200 or answer.cache != "miss" for answer in others):
        return missing(f"a different question must be a miss: {shown}")
    return satisfied(shown)


def escalation(deployment: Deployment) -> Look:
    """4.5: more input tokens than the threshold is answered by the larger model."""
    models = deployment.stack.models
    words = " ".join(f"word{number}" for number in range(models.escalate_over_input_tokens))
    with caller(deployment, deployment.stack.test_team.key) as gateway:
        long = gateway.chat(models.default, f"{unique()} Summarise: {words}", max_tokens=16)
        short = gateway.chat(models.default, f"{unique()} Say hello.", max_tokens=16)
    if long.status != 200 or long.model != models.fallback:
        return missing(f"a long question: expected {models.fallback}, got {told(long)} {long.model}")
    if short.status != 200 or short.model != models.default:
        return missing(f"a short question: expected {models.default}, got {told(short)} {short.model}")
    return satisfied(f"long question answered by {long.model}, short one by {short.model}")


def _fresh_window(gateway: Gateway, deployment: Deployment, team: Team, question: str) -> Answer:
    """The first counted request of a window nobody else has used; waits for older ones to leave it."""
    answers: list[Answer] = []

    def untouched() -> bool:
        answer = gateway.chat(deployment.stack.models.default, question)
        answers.append(answer)
        if answer.status not in (200, 429):
            raise RunbookError("TEST-001", f"the probe key got {told(answer)}", next="inv test.smoke")
        return answer.status == 200 and answer.remaining("requests") == team.rpm - 1

    if not untouched():
        # Each look counts as a request itself, so look once, when the window has passed.
        say("the probe key was used within the last minute: waiting 61 s for a fresh window")
        interrupt.sleep(61.0)
        if not untouched():
            left = answers[-1].remaining("requests")
            raise RunbookError(
                "TEST-002",
                f"somebody else uses the key of team {team.name}: after a minute's rest {left} of {team.rpm} are left",
                next="stop that traffic, then inv test.quota",
            )
    return answers[-1]
