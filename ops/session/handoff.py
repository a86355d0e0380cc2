"""`inv document.handoff`: what the team that takes over must know, gathered now; what could not be seen is unknown."""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from ops.reports import acceptance
from ops.runbook.markdown import table
from ops.services.endpoints import Endpoints
from ops.session import cost, versions
from ops.session.versions import UNKNOWN
from ops.targets.deployment import Deployment
from ops.vault import report as secrets

PRICES_HOLD_DAYS = 90
CERTIFICATE_TIMEOUT_S = 5.0
MARK = {True: "yes", False: "no", None: "not on this target"}
VERIFIED = re.compile(r"^### Verified on\n+(?P<table>(?:\|.*\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class Handoff:
    """The page's contents, each part as Markdown, and whether every line of the checklist holds."""

    target: str
    at: datetime
    complete: bool
    parts: tuple[tuple[str, str], ...]

    def markdown(self) -> str:
        """The page."""
        state = "every line of the checklist holds" if self.complete else "not complete"
        head = f"# Handing over\n\nTarget {self.target}, {self.at:%Y-%m-%d %H:%M} UTC: {state}."
        return "\n\n".join([head, *(f"## {title}\n\n{text}" for title, text in self.parts)]) + "\n"


def gather(deployment: Deployment, now: datetime | None = None) -> Handoff:
    """Look at everything the page says.

    Args:
        now: for tests; by default the clock's UTC.
    """
    now = now or datetime.now(UTC)
    found = acceptance.gather(deployment)
    tested = {
        line.text: f"{match[1][:16]}Z"
        for line in found.lines
        if (match := re.search(r"\(at ([\d:TZ.-]+)\)$", line.evidence))
    }
    looked = f"{now:%Y-%m-%dT%H:%MZ}"
    checklist = table(
        ("", "line", "holds", "evidence", "seen"),
        [
            (line.group, line.text, MARK[line.met], _cell(line.evidence), tested.get(line.text, looked))
            for line in found.lines
        ],
    )
    open_lines = [f"- {line.text}: {line.evidence}" for line in found.lines if line.met is False]
    items = cost.estimate(deployment.stack)
    prices = deployment.stack.fly.prices.as_of
    runs = [(what, _cell(value)) for what, value in versions.rows(deployment)]
    parts = (
        ("Acceptance", checklist),
        (
            "Versions and digests",
            table(("what", "value"), runs),
        ),
        ("Verified on", _verified(deployment.paths.root)),
        ("Open", "\n".join(open_lines) or "Nothing."),
        (
            "Costs",
            table(("what", "", "USD a month"), [(item.name, item.detail, f"{item.usd:.2f}") for item in items])
            + f"\n\n{sum(item.usd for item in items):.2f} USD a month in all at the prices of {prices}. OpenAI comes on"
            f" top: at most {sum(team.daily_usd for team in deployment.stack.resolved_teams):g} USD a day.",
        ),
        ("Who gets the alerts", deployment.stack.stack.operator_email),
        ("The next dates", table(("what", "when"), _dates(deployment, prices))),
    )
    return Handoff(deployment.target_name, now, found.complete, parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _verified(root: Path) -> str:
    match = VERIFIED.search((root / "README.md").read_text(encoding="utf-8"))
    return match["table"].strip() if match else UNKNOWN


def _dates(deployment: Deployment, prices: str) -> list[tuple[object, ...]]:
    rows = [row for row in secrets.rows(deployment.inventory) if row.due]
    first = min(rows, key=lambda row: str(row.due), default=None)
    check = datetime.fromisoformat(prices) + timedelta(days=PRICES_HOLD_DAYS)
    return [
        ("rotation", f"{first.due:%Y-%m-%d}: `{first.name}`" if first else UNKNOWN),
        ("certificate ends", certificate_ends(deployment.target.endpoints())),
        ("price check", f"{check:%Y-%m-%d}"),
    ]


def certificate_ends(where: Endpoints) -> str:
    """The last day of the certificate that the gateway's name shows; unknown where none is to be seen."""
    url = urlsplit(where.gateway)
    host, _, port = (where.connect or f"{url.hostname}:{url.port or 443}").rpartition(":")
    try:
        context = ssl.create_default_context(cafile=str(where.ca) if where.ca else None)
        with (
            socket.create_connection((host, int(port)), timeout=CERTIFICATE_TIMEOUT_S) as plain,
            context.wrap_socket(plain, server_hostname=url.hostname) as secure,
        ):
            shown = secure.getpeercert() or {}
        ends = ssl.cert_time_to_seconds(str(shown["notAfter"]))
    except (OSError, KeyError, ValueError):
        return UNKNOWN
    return f"{datetime.fromtimestamp(ends, UTC):%Y-%m-%d}"
