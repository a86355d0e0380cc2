"""The texts of mails: what, since when, how bad, the first command to type, and where the guide says more."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

from .catalogue import Entry, entry
from .settings import Settings

DAY_S = 86400


def begun(alert: Mapping[str, Any], says: str, now: float, settings: Settings) -> dict[str, Any]:
    """An alert has begun."""
    about = entry(alert["rule"], alert["subject"])
    lines = [
        f"What:   {about.title}. {about.meaning}",
        f"Since:  {_moment(alert['since'])}",
        f"How bad: {says}",
        f"First:  {_command(about.first, settings)}",
        f"        When all is well it prints: {about.well}",
        *([f"Then:   {about.then}"] if about.then else []),
        f"More:   {_guide(about, settings)}",
    ]
    return _mail(_id("begin", alert, settings), f"BEGINS: {about.title} ({says})", lines, now, settings)


def over(alert: Mapping[str, Any], says: str, now: float, settings: Settings) -> dict[str, Any]:
    """An alert is over."""
    about = entry(alert["rule"], alert["subject"])
    minutes = max(0, round((float(alert["fine"]) - alert["since"]) / 60))
    lines = [
        f"What:   {about.title}: over.",
        f"Since:  {_moment(alert['fine'])}, after {minutes} min (it began {_moment(alert['since'])})",
        f"Now:    {says}",
        f"Worst:  {alert['worst_says']}",
        f"More:   {_guide(about, settings)}",
    ]
    mail = _mail(_id("over", alert, settings), f"OVER: {about.title} (after {minutes} min)", lines, now, settings)
    return {**mail, "reply_to": _id("begin", alert, settings)}


def summary(
    day: str,
    running: Sequence[Mapping[str, Any]],
    log: Sequence[Mapping[str, Any]],
    figures: Sequence[str],
    now: float,
    settings: Settings,
) -> dict[str, Any]:
    """The daily summary."""
    last = [event for event in log if event["at"] > now - DAY_S]
    lines = ["Alerts that are on:"]
    lines += [
        f"- {entry(alert['rule'], alert['subject']).title}, since {_moment(alert['since'])}: {alert['says']}; "
        f"first {_command(entry(alert['rule'], alert['subject']).first, settings)}"
        for alert in running
    ] or ["- none"]
    lines += ["", "In the last 24 hours:"]
    lines += [f"- {_moment(event['at'])} {event['key']} {event['what']}: {event['says']}" for event in last] or [
        "- nothing began and nothing ended"
    ]
    lines += ["", *figures]
    title = f"{len(running)} alerts on" if running else "no alert is on"
    return _mail(f"summary.{day}@{_domain(settings)}", f"DAY {day}: {title}", lines, now, settings)


def test(now: float, settings: Settings) -> dict[str, Any]:
    """A mail that only shows that mails arrive."""
    lines = ["This is a test: mails of the gateway's watch arrive.", f"Sent:   {_moment(now)}"]
    return _mail(f"test.{now:.6f}@{_domain(settings)}", "TEST: mails of the watch arrive", lines, now, settings)


def message(mail: Mapping[str, Any], settings: Settings) -> EmailMessage:
    """A mail as it goes out. The same mail has the same Message-ID whoever sends it, and however often."""
    made = EmailMessage()
    made["From"] = Address(f"{settings.name} gateway watch", addr_spec=settings.sender)
    made["To"] = settings.to
    made["Subject"] = f"[{settings.name}] {mail['subject']}"
    made["Date"] = datetime.fromtimestamp(mail["at"], UTC)
    made["Message-ID"] = f"<{mail['id']}>"
    if mail.get("reply_to"):
        made["In-Reply-To"] = made["References"] = f"<{mail['reply_to']}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(mail["text"])
    return made


def _mail(name: str, subject: str, lines: Sequence[str], now: float, settings: Settings) -> dict[str, Any]:
    plain = " ".join(subject.split())
    return {"id": name, "subject": plain[:180], "text": "\n".join(lines) + "\n", "at": int(now)}


def _id(kind: str, alert: Mapping[str, Any], settings: Settings) -> str:
    which = re.sub(r"[^A-Za-z0-9_.-]+", "_", f"{alert['rule']}.{alert['subject']}")
    return f"{kind}.{which}.{alert['since']}-{alert.get('number', 0)}@{_domain(settings)}"


def _domain(settings: Settings) -> str:
    return settings.sender.rpartition("@")[2] or "localhost"


def _command(command: str, settings: Settings) -> str:
    return f"./{command}" + (f" --target {settings.target}" if settings.target else "")


def _guide(about: Entry, settings: Settings) -> str:
    return f"{settings.guide}#{about.anchor}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
