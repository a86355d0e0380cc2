"""What the types of `stack.toml` cannot say: ranges and names, each fault with its key and what would be right."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from ops.description import fly_limits, sizes

if TYPE_CHECKING:
    from ops.description.stack import Stack

AT_LEAST_ONE = ("count", "connection_limit", "volume_gb")
APP = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")
IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,62}")
WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
IMAGE = re.compile(
    r"[a-z0-9][A-Za-z0-9._-]*(?::[0-9]+)?(?:/[A-Za-z0-9._-]+)*"  # host and name
    r"(?::[A-Za-z0-9._-]+)?(?:@sha256:[0-9a-f]{64})?"
)
PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+(?:/\*)?")
PRIVATE_PATH = "/gateway/admin"


def faults(stack: Stack) -> Iterator[str]:
    """Every implausible value, as `key: what is wrong with it; what would be right`."""
    yield from _figures("", msgspec.to_builtins(stack))
    for key, text, pattern, right in _names(stack):
        if not pattern.fullmatch(text):
            yield f"{key}: {text!r} cannot be used; wanted is {right}"
    for key in ("folder", "vault"):
        path = PurePosixPath(getattr(stack.stack, key))
        if path.is_absolute() or ".." in path.parts or not path.parts or not all(map(WORD.fullmatch, path.parts)):
            yield f"stack.{key}: {str(path)!r} must lie in the checkout: names without blanks, without '..'"
    for route in stack.edge.paths:
        yield from _public(route)
    yield from _body_size(stack)
    yield from fly_limits.faults(stack)
    yield from _teams(stack)
    yield from _models(stack)
    yield from _ports(stack)


def _figures(place: str, value: Any) -> Iterator[str]:
    """Numbers that are none, negative ones, and those that must be above zero."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _figures(f"{place}.{key}" if place else str(key), inner)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        last = place.rpartition(".")[2]
        if not math.isfinite(value) or value < 0:
            yield f"{place}: {value} must be a number, zero or above"
        elif last in AT_LEAST_ONE and not place.startswith("fly.prices.") and value < 1:
            yield f"{place}: must be at least 1"
        elif place.startswith("ports.") and not 1024 <= value < 65536:
            yield f"{place}: {value} is no port that anybody may open; 1024 to 65535"


def _names(stack: Stack) -> Iterator[tuple[str, str, re.Pattern[str], str]]:
    """Values that become part of scripts, configuration files, SQL and URLs."""
    app = "letters, digits and dashes, at most 63"
    for key, text in (
        ("fly.app", stack.fly.app),
        ("clickhouse.app", stack.clickhouse.app),
        ("storage.app", stack.storage.app),
        ("storage.bucket", stack.storage.bucket),
        ("redis.name", stack.redis.name),
        ("redis.queue_name", stack.redis.queue_name or "none"),
        ("fly.org", stack.fly.org),
    ):
        yield key, text, APP, app
    for key, text in (("domains.gateway", stack.domains.gateway), ("domains.langfuse", stack.domains.langfuse)):
        yield key, text, HOST, "a host name such as gateway.example.com, without https://"
    for key, text in (
        ("postgres.schema", stack.postgres.schema),
        ("postgres.role", stack.postgres.role),
        ("clickhouse.database", stack.clickhouse.database),
        ("clickhouse.user", stack.clickhouse.user),
    ):
        yield key, text, IDENTIFIER, "small letters, digits and underscores"
    for name, team in stack.teams.items():
        yield f"teams.{name}", name, WORD, "letters, digits, dots, dashes and underscores"
        yield f"teams.{name}.key", team.key, VARIABLE, "the name of a variable, such as SALES_KEY"
    for key, text in (
        ("images.langfuse_web", stack.images.langfuse_web),
        ("images.langfuse_worker", stack.images.langfuse_worker),
        *([("images.caddy", stack.images.caddy)] if stack.images.caddy else []),
        ("clickhouse.image", stack.clickhouse.image),
        ("storage.image", stack.storage.image),
    ):
        yield key, text, IMAGE, "an image such as docker.io/langfuse/langfuse:4 or one with @sha256:…"
    yield "images.langfuse_version", stack.images.langfuse_version, WORD, "a version such as 4.16.0"
    for name in stack.models.prices:
        yield f"models.prices.{name}", name, WORD, "a model's name"
    for key, text in (("stack.agent", stack.stack.agent), ("stack.task", stack.stack.task)):
        yield key, text, WORD, "one word"


def _public(path: str) -> Iterator[str]:
    if not PATH.fullmatch(path):
        yield f"edge.paths: {path!r} is not one route, such as /v1/models, or those below one, such as /v1/threads/*"
        return
    below = path.removesuffix("/*")
    if path == PRIVATE_PATH or (path != below and PRIVATE_PATH.startswith(f"{below}")) or path.startswith(PRIVATE_PATH):
        yield f"edge.paths: {path!r} would open {PRIVATE_PATH} to everybody"


def _body_size(stack: Stack) -> Iterator[str]:
    try:
        sizes.parse(stack.edge.max_body)
    except ValueError as error:
        yield str(error)


def _teams(stack: Stack) -> Iterator[str]:
    """Limits, mirrors and keys."""
    for name, table in stack.teams.items():
        if table.mirrors is not None and table.mirrors not in stack.teams:
            yield f"teams.{name}.mirrors: there is no team '{table.mirrors}'"
            return  # no limits to be had
    teams = stack.resolved_teams
    for team in teams:
        if min(team.rpm, team.tpm) < 1 or team.daily_usd <= 0:
            yield f"teams.{team.name}: rpm, tpm and daily_usd must be above zero"
    if not any(team.mirrors for team in teams):
        yield 'teams: one must mirror another (mirrors = "NAME"), so that tests need no production key'
    keys = [team.key for team in teams]
    if len(set(keys)) != len(keys):
        yield "teams: two teams share one key"


def _models(stack: Stack) -> Iterator[str]:
    """Prices, and the cache's shares."""
    for model in (*stack.models.chat, *stack.models.embed):
        if model not in stack.models.prices:
            yield f"models.prices: no price for {model}"
    for name, value in (("candidate_from", stack.cache.candidate_from), ("max_wrong", stack.cache.max_wrong)):
        if not 0 <= value < 1:
            yield f"cache.{name}: must be a number from 0 to below 1"


def _ports(stack: Stack) -> Iterator[str]:
    ports = [stack.ports.edge, stack.ports.gateway, stack.ports.ui, stack.ports.worker, stack.ports.metrics]
    if len(set(ports)) != len(ports):
        yield "ports: each process needs a port of its own"
