"""Met means asked and answered: both public names over TLS, administration closed, the Redis add-on in service."""

from __future__ import annotations

import pytest

from ops.reports import acceptance
from ops.runbook.step import State, Status
from tests.targets.fly.support import HOSTS, Site


def line(place: Site, text: str) -> acceptance.Line:
    report = acceptance.gather(place.deployment())
    (found,) = [line for line in report.lines if text in line.text]
    return found


def test_evidence_says_who_was_asked_what_and_when(deployed: Site) -> None:
    found = line(deployed, "gateway accessible")
    assert found.met
    for part in (f"https://{HOSTS[0]}/health/readiness 200 by 127.0.0.1", f"https://{HOSTS[1]}/api/public/health 200"):
        assert part in found.evidence
    assert f"https://{HOSTS[0]}/gateway/admin/status 404" in found.evidence
    assert "asked at 20" in found.evidence


def test_f4_names_that_lead_nowhere_are_not_accessible(deployed: Site) -> None:
    """F4: DNS and certificates are right, and nothing listens."""
    deployed.environ["RUNBOOK_FLY_EDGE"], kept = "127.0.0.1:9", deployed.environ["RUNBOOK_FLY_EDGE"]
    try:
        for text in ("gateway accessible", "Langfuse UI accessible"):
            found = line(deployed, text)
            assert found.met is False
            assert "does not answer" in found.evidence
        done = deployed.deploy(keys=("deploy.domains",))
        outcome = done.result.outcomes["deploy.domains"]
        assert (outcome.status, outcome.code) == (Status.FAILED, "DNS-004")
        assert HOSTS[0] in outcome.why
    finally:
        deployed.environ["RUNBOOK_FLY_EDGE"] = kept
    assert line(deployed, "gateway accessible").met


@pytest.mark.parametrize(
    ("path", "answer", "says"),
    [
        ("/health/readiness", (200, "<html>Parked</html>"), "not the gateway's 200"),
        ("/health/readiness", (503, '{"error":{}}'), "503"),
        ("/api/public/health", (404, "not here"), "not Langfuse's 200"),
        ("/gateway/admin/status", (401, '{"error":{}}'), "administration is open"),
        ("/metrics", (200, "requests_total 1"), "administration is open"),
    ],
)
def test_an_answer_that_is_not_the_right_one_is_drift(
    deployed: Site, path: str, answer: tuple[int, str], says: str
) -> None:
    deployed.edge.answers[path] = answer
    try:
        found = deployed.plan()["deploy.domains"].look
    finally:
        deployed.edge.answers.clear()
    assert found.state is State.DRIFTED
    assert says in found.evidence


def test_f5_a_redis_in_error_is_not_operational(deployed: Site) -> None:
    """F5: the add-on's own state, and what Fly says about it."""
    addon = deployed.sim.state.addons["hotdash-llm-cache"]
    addon |= {"status": "error", "error": "the database could not be moved"}
    try:
        found = line(deployed, "Redis operational")
        assert found.met is False
        assert "error" in found.evidence
        assert "could not be moved" in found.evidence
        outcome = deployed.deploy(keys=("setup.redis",)).result.outcomes["setup.redis"]
        assert outcome.status is Status.BLOCKED
    finally:
        addon |= {"status": "ready", "error": None}
    assert line(deployed, "Redis operational").met
