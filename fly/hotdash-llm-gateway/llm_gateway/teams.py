"""Authentication: team keys from the environment, compared by digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from .config import GatewayConfig, Team
from .settings import ConfigError

MIN_KEY_LENGTH = 20
OPERATOR_KEY_ENV = "LITELLM_MASTER_KEY"


class Teams:
    """The keys of all teams and of the operator. Only their SHA-256 digests stay in memory."""

    def __init__(self, config: GatewayConfig, environ: Mapping[str, str]) -> None:
        """Read every key; raise ConfigError naming the variable that is missing, too short or used twice."""
        self._by_digest: dict[bytes, Team] = {}
        owners: dict[bytes, str] = {}
        for team in config.teams.values():
            digest = _required_digest(team.key_env, environ, owners)
            self._by_digest[digest] = team
        self._operator = _required_digest(OPERATOR_KEY_ENV, environ, owners)

    def identify(self, authorization: str | None) -> Team | None:
        """The team a request's Authorization header belongs to; None for no or an unknown key."""
        return self._by_digest.get(_bearer_digest(authorization))

    def is_operator(self, authorization: str | None) -> bool:
        """Whether the header carries the operator's key, which opens the administration and nothing else."""
        return _bearer_digest(authorization) == self._operator


def _bearer_digest(authorization: str | None) -> bytes:
    scheme, _, key = (authorization or "").partition(" ")
    return _digest(key.strip() if scheme.lower() == "bearer" else "")


def _required_digest(name: str, environ: Mapping[str, str], owners: dict[bytes, str]) -> bytes:
    key = environ.get(name, "").strip()
    if not key:
        raise ConfigError(f"{name} is not set")
    if len(key) < MIN_KEY_LENGTH:
        raise ConfigError(f"{name} is shorter than {MIN_KEY_LENGTH} characters")
    digest = _digest(key)
    if digest in owners:
        raise ConfigError(f"{name} and {owners[digest]} hold the same key")
    owners[digest] = name
    return digest


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
