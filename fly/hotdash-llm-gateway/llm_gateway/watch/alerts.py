"""From findings to alerts that begin once and end once, and the mails that say so. Pure: from state to state.

An alert begins when its finding has been bad for long enough, and is over when it has been fine for long enough.
What is unknown changes nothing of an alert that has begun: it is neither over nor forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from . import letters
from .catalogue import UNSEEN
from .rules import Finding
from .settings import Settings

LOG_S = 2 * 86400
"""How long what began and ended is remembered, for the daily summary."""


def empty() -> dict[str, Any]:
    """Before the first look. `outbox` and `sent` are the post's: mails in the order they are to go, and those gone."""
    return {"alerts": {}, "number": 0, "log": [], "summary": "", "outbox": [], "sent": []}


def advance(state: Mapping[str, Any], findings: Sequence[Finding], now: float, settings: Settings) -> dict[str, Any]:
    """The state after a look's findings; new mails are at the end of its outbox.

    Args:
        now: seconds since 1970.
    """
    alerts: dict[str, dict[str, Any]] = {key: dict(alert) for key, alert in state["alerts"].items()}
    mails: list[dict[str, Any]] = []
    number = state["number"]
    log = [event for event in state["log"] if event["at"] > now - LOG_S]
    for finding in findings:
        alert = alerts.get(finding.key)
        if finding.state == "bad":
            alert = alerts.setdefault(finding.key, {"rule": finding.rule, "subject": finding.subject, "bad": now})
            alert["fine"] = None
            if _begins(alert, finding, now, settings):
                number += 1
                alert |= {
                    "since": int(alert["bad"]),
                    "number": number,
                    "worst": finding.value,
                    "worst_says": finding.says,
                }
                mails.append(letters.begun(alert, finding.says, now, settings))
                log.append({"at": now, "key": finding.key, "what": "began", "says": finding.says})
            elif "since" in alert and finding.value > alert["worst"]:
                alert |= {"worst": finding.value, "worst_says": finding.says}
            alert["says"] = finding.says
        elif finding.state == "fine" and alert is not None:
            _better(alerts, finding.key, finding.says, now, settings, mails, log)
    unknown = {finding.rule for finding in findings if finding.state == "unknown"}
    judged = {finding.key for finding in findings}
    for key in [key for key, alert in alerts.items() if key not in judged]:
        if alerts[key]["rule"] not in unknown:
            _better(alerts, key, "no longer watched", now, settings, mails, log)
        elif "since" not in alerts[key]:
            del alerts[key]  # Not without a break.
        else:
            alerts[key]["fine"] = None
    return {**state, "alerts": alerts, "number": number, "log": log, "outbox": [*state["outbox"], *mails]}


def _begins(alert: Mapping[str, Any], finding: Finding, now: float, settings: Settings) -> bool:
    minutes = settings.unseen_min if finding.rule == UNSEEN else settings.rules[finding.rule].after_min
    return "since" not in alert and now - float(alert["bad"]) >= minutes * 60


def _better(
    alerts: dict[str, dict[str, Any]],
    key: str,
    says: str,
    now: float,
    settings: Settings,
    mails: list[dict[str, Any]],
    log: list[dict[str, Any]],
) -> None:
    """A finding is fine: what had not begun is forgotten; what had is over after a while."""
    alert = alerts[key]
    if "since" not in alert:
        del alerts[key]
        return
    if alert.get("fine") is None:
        alert["fine"] = now
    if now - float(alert["fine"]) >= settings.clear_min * 60:
        mails.append(letters.over(alert, says, now, settings))
        log.append({"at": now, "key": key, "what": "over", "says": says})
        del alerts[key]


def summarise(state: Mapping[str, Any], figures: Sequence[str], now: float, settings: Settings) -> dict[str, Any]:
    """The state with the day's summary in its outbox, if it is time for it: once a day.

    Args:
        figures: lines about the last day.
    """
    moment = datetime.fromtimestamp(now, UTC)
    day = moment.strftime("%Y-%m-%d")
    if not state["summary"]:
        return {**state, "summary": day if moment.hour >= settings.summary_hour else "none yet"}
    if state["summary"] == day or moment.hour < settings.summary_hour:
        return dict(state)
    mail = letters.summary(day, running(state), state["log"], figures, now, settings)
    return {**state, "summary": day, "outbox": [*state["outbox"], mail]}


def running(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The alerts that have begun, oldest first."""
    return sorted((alert for alert in state["alerts"].values() if "since" in alert), key=lambda alert: alert["since"])
