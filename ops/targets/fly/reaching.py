"""Requests to the public names over TLS, as a user makes them: DNS and a certificate alone prove nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.services.endpoints import Endpoints
from ops.services.web import Site

if TYPE_CHECKING:
    import httpx

    from ops.targets.workspace import Workspace

# Connected to instead of what the names resolve to, with this certificate authority: where DNS cannot be changed.
EDGE = "RUNBOOK_FLY_EDGE"
AUTHORITY = "RUNBOOK_FLY_EDGE_CA"
PATIENCE_S = 5.0
GATEWAY_PATHS = ("/health/readiness", "/health/liveliness")
LANGFUSE_PATH = "/api/public/health"
ADMIN_PATHS = ("/gateway/admin/status", "/metrics")


@dataclass(frozen=True)
class Answer:
    """What came back for one request.

    Attributes:
        url: what was asked.
        wrong: why it is not what should come back; empty when it is.
        evidence: who answered what, when.
    """

    url: str
    wrong: str
    evidence: str


def endpoints(workspace: Workspace) -> Endpoints:
    """The public names, and where to connect instead if the operator says so."""
    from pathlib import Path

    domains, environ = workspace.stack.domains, workspace.environ
    authority = environ.get(AUTHORITY, "")
    return Endpoints(
        gateway=f"https://{domains.gateway}",
        langfuse=f"https://{domains.langfuse}",
        connect=environ.get(EDGE) or None,
        ca=Path(authority) if authority else None,
    )


def requests(workspace: Workspace) -> list[Callable[[], list[Answer]]]:
    """What asks each public name, to be called side by side; none of them raises."""
    place, stack = endpoints(workspace), workspace.stack
    paths = [path for path in GATEWAY_PATHS if path in stack.edge.paths][:1]
    alone = stack.domains.langfuse != stack.domains.gateway

    def gateway() -> list[Answer]:
        with Site(place.gateway, place, timeout=PATIENCE_S) as site:
            answers = [_ask(site, path, _serves) for path in paths]
            # A name that answers nothing does so once, not for each path.
            if alone and not any(answer.wrong for answer in answers):
                answers += [_ask(site, path, _is_closed) for path in ADMIN_PATHS]
            return answers

    def langfuse() -> list[Answer]:
        with Site(place.langfuse, place, timeout=PATIENCE_S) as site:
            return [_ask(site, LANGFUSE_PATH, _is_langfuse)]

    return [gateway, langfuse]


def shown(answers: list[Answer]) -> str:
    """All answers as evidence, with the time."""
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"asked at {at}: " + "; ".join(answer.evidence for answer in answers)


def _ask(site: Site, path: str, judge: Callable[[httpx.Response], str]) -> Answer:
    url = f"{site.base}{path}"
    try:
        reply = site.request("GET", path)
    except RunbookError as error:
        return Answer(url, error.what, error.what)
    stream = reply.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream is not None else None
    by = f" by {peer[0]}" if peer else ""
    wrong = judge(reply)
    return Answer(url, f"{url} answers {wrong}" if wrong else "", f"{url} {reply.status_code}{by}")


def _serves(reply: httpx.Response) -> str:
    """The gateway itself: its health routes answer JSON, a parked name's page is none."""
    if reply.status_code == 200 and _is_json(reply):
        return ""
    return f"{reply.status_code} ({_words(reply)}), not the gateway's 200"


def _is_langfuse(reply: httpx.Response) -> str:
    if reply.status_code == 200 and _is_json(reply) and '"status"' in reply.text:
        return ""
    return f"{reply.status_code} ({_words(reply)}), not Langfuse's 200"


def _is_closed(reply: httpx.Response) -> str:
    return "" if reply.status_code == 404 else f"{reply.status_code}: administration is open to the internet"


def _words(reply: httpx.Response) -> str:
    return " ".join(reply.text[:80].split()) or "no body"


def _is_json(reply: httpx.Response) -> bool:
    try:
        reply.json()
    except ValueError:
        return False
    return True
