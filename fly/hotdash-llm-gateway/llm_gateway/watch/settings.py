"""What the watch is told: thresholds from config/watch.toml, addresses and secrets from the environment."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..settings import ConfigError, Section
from .catalogue import rules as catalogue


@dataclass(frozen=True)
class Threshold:
    """Of one rule.

    Attributes:
        limit: what may not be passed, in the rule's own unit.
        over_min: minutes that a rate or percentile is taken over.
        after_min: minutes it must have been bad without a break before an alert begins.
        least: how many requests, days or checks it takes to say anything.
        off: the rule is not watched.
    """

    limit: float = 0.0
    over_min: int = 10
    after_min: int = 0
    least: int = 0
    off: bool = False


@dataclass(frozen=True)
class Settings:
    """Of config/watch.toml.

    Attributes:
        clear_min: minutes all must be well without a break before an alert is over.
        unseen_min: minutes something cannot be seen before that is an alert.
        summary_hour: hour (UTC) of the daily summary.
        gateways: how many are described.
        redis_max_bytes: of the plan, where Redis does not say.
        guide: where the guides' sections are; an anchor is put behind it.
    """

    name: str
    sender: str
    to: str
    every_s: float
    clear_min: int
    unseen_min: int
    summary_hour: int
    gateways: int
    redis_max_bytes: int
    guide: str
    rules: Mapping[str, Threshold]
    target: str = ""
    """Of the runbook, for the commands in mails; empty: the rehearsal."""


def load(path: Path) -> Settings:
    """Read the file. Raises ConfigError: it cannot be read, or a setting is missing, unknown or wrong."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    top = Section("watch", document)
    settings = Settings(
        name=top.text("name"),
        sender=top.text("sender"),
        to=top.text("to"),
        every_s=top.number("every_s", 60.0, minimum=0.05),
        clear_min=top.integer("clear_min", minimum=0),
        unseen_min=top.integer("unseen_min", minimum=0),
        summary_hour=top.integer("summary_hour", minimum=0),
        gateways=top.integer("gateways", minimum=1),
        redis_max_bytes=top.integer("redis_max_bytes", minimum=0),
        guide=top.text("guide"),
        rules=_rules(top.section("rules")),
    )
    top.finish()
    return settings


def adapted(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings where this watch runs: a rehearsal has one gateway, and its commands name no target.

    Raises:
        ConfigError: WATCH_GATEWAYS is no number of gateways.
    """
    gateways = environ.get("WATCH_GATEWAYS") or str(settings.gateways)
    if not gateways.isdigit() or int(gateways) < 1:
        raise ConfigError(f"WATCH_GATEWAYS must be a whole number of at least 1, not {gateways!r}")
    return replace(settings, target=environ.get("WATCH_TARGET", ""), gateways=int(gateways))


def _rules(section: Section) -> dict[str, Threshold]:
    found = {}
    for each in section.sections():
        if each.name not in catalogue():
            raise ConfigError(f"{each.path}: there is no rule {each.name!r}; rules are {', '.join(catalogue())}")
        found[each.name] = Threshold(
            limit=each.number("limit", 0.0, minimum=0.0),
            over_min=each.integer("over_min", 10, minimum=1),
            after_min=each.integer("after_min", 0, minimum=0),
            least=each.integer("least", 0, minimum=0),
            off=each.flag("off", False),
        )
        each.finish()
    if missing := set(catalogue()) - set(found):
        raise ConfigError(f"watch.rules: no thresholds for {', '.join(sorted(missing))}; off = true leaves a rule out")
    return found


@dataclass(frozen=True)
class Smtp:
    """Where mail goes out, always over TLS: `smtps` from the first byte, `smtp` by STARTTLS."""

    host: str
    port: int
    implicit_tls: bool
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Smtp:
        """From smtps://USER:PASSWORD@HOST:PORT. Raises ConfigError, which never quotes it."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ConfigError("SMTP_URL is no URL") from None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise ConfigError("SMTP_URL must be smtps://USER:PASSWORD@HOST:465 or smtp://USER:PASSWORD@HOST:587")
        implicit = parts.scheme == "smtps"
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.hostname, port or (465 if implicit else 587), implicit, user, password)


@dataclass(frozen=True)
class Places:
    """Where to look, from the environment; what is empty is not there to be looked at."""

    redis_url: str = field(repr=False)
    operator_key: str = field(repr=False)
    gateway: str
    certificates: tuple[str, ...]
    clickhouse: str
    clickhouse_user: str
    clickhouse_password: str = field(repr=False)
    store: str
    smtp: Smtp | None


def places(environ: Mapping[str, str]) -> Places:
    """Read the environment. Raises ConfigError naming the variable."""
    for name in ("GATEWAY_REDIS_URL", "LITELLM_MASTER_KEY", "WATCH_GATEWAY"):
        if not environ.get(name):
            raise ConfigError(f"{name} is not set")
    return Places(
        redis_url=environ["GATEWAY_REDIS_URL"],
        operator_key=environ["LITELLM_MASTER_KEY"],
        gateway=environ["WATCH_GATEWAY"].rstrip("/"),
        certificates=tuple(environ.get("WATCH_CERTIFICATES", "").split()),
        clickhouse=environ.get("WATCH_CLICKHOUSE", "").rstrip("/"),
        clickhouse_user=environ.get("WATCH_CLICKHOUSE_USER", ""),
        clickhouse_password=environ.get("WATCH_CLICKHOUSE_PASSWORD", ""),
        store=environ.get("WATCH_STORE", "").rstrip("/"),
        smtp=Smtp.parse(environ["SMTP_URL"]) if environ.get("SMTP_URL") else None,
    )
