"""What the environment variables say, checked before anything heavy is imported."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from .config import GatewayConfig, Langfuse
from .settings import ConfigError

log = logging.getLogger(__name__)

LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")


@dataclass(frozen=True)
class LangfuseAccess:
    """The project traces go to."""

    host: str
    public_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class Environment:
    """Addresses and secrets of one process.

    `host` None: all addresses, IPv4 and IPv6. `metrics_port` None: metrics are the operator's alone.
    """

    redis_url: str = field(repr=False)
    langfuse: LangfuseAccess | None
    host: str | None
    port: int
    metrics_port: int | None
    drain_s: int


def read(config: GatewayConfig, environ: Mapping[str, str]) -> Environment:
    """Read the environment; raise ConfigError naming the variable that is missing or wrong."""
    redis_url = environ.get(config.redis.url_env, "")
    if not redis_url.startswith(("redis://", "rediss://")):
        raise ConfigError(f"{config.redis.url_env} must be a redis:// or rediss:// URL")
    for name in ("UPSTREAM_OPENAI_API_KEY", "UPSTREAM_OPENAI_BASE_URL"):
        if not environ.get(name):
            raise ConfigError(f"{name} is not set")
    return Environment(
        redis_url=redis_url,
        langfuse=_langfuse(config.langfuse, environ) if config.langfuse else None,
        host=environ.get("GATEWAY_HOST") or None,
        port=_number(environ, "PORT", 4000),
        metrics_port=_number(environ, "METRICS_PORT", 0) or None,
        drain_s=_number(environ, "GATEWAY_DRAIN_S", 30),
    )


def log_level(environ: Mapping[str, str]) -> str:
    """The level GATEWAY_LOG_LEVEL names, as `logging` spells it. Raises ConfigError if there is no such level."""
    level = (environ.get("GATEWAY_LOG_LEVEL") or "info").upper()
    if level not in LEVELS:
        raise ConfigError(f"GATEWAY_LOG_LEVEL must be one of {', '.join(LEVELS).lower()}")
    return level


def _langfuse(settings: Langfuse, environ: Mapping[str, str]) -> LangfuseAccess | None:
    names = (settings.host_env, settings.public_key_env, settings.secret_key_env)
    missing = [name for name in names if not environ.get(name)]
    if len(missing) == len(names):
        log.warning("traces: off, since none of %s is set", ", ".join(names))
        return None
    if missing:
        raise ConfigError(f"{', '.join(missing)} not set, though others of {', '.join(names)} are")
    host, public_key, secret_key = (environ[name] for name in names)
    if not host.startswith(("http://", "https://")):
        raise ConfigError(f"{settings.host_env} must be a http:// or https:// URL")
    return LangfuseAccess(host, public_key, secret_key)


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdigit():
        raise ConfigError(f"{name} must be a whole number, not {text!r}")
    return int(text)
