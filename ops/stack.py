"""The typed view of `stack.toml`: read, overridden from the environment, checked, and nothing else."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from ops import plausible
from ops.runbook.errors import RunbookError
from ops.typed import convert

OVERRIDE = "STACK__"


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Identity(_Table, frozen=True):
    name: str
    folder: str
    vault: str
    operator_email: str
    agent: str
    task: str


class Domains(_Table, frozen=True):
    gateway: str
    langfuse: str


class Group(_Table, frozen=True):
    count: int
    memory_mb: int
    cpus: int


class Groups(_Table, frozen=True):
    edge: Group
    gateway: Group
    ui: Group
    worker: Group


class FlyPrices(_Table, frozen=True):
    as_of: str
    shared_cpu: float
    memory_gb: float
    volume_gb: float
    snapshot_gb: float
    snapshots_free_gb: float
    region_markups: dict[str, float]
    redis_bandwidth_gb: dict[str, int]
    certificates_free: int
    certificate: float
    redis_plans: dict[str, float]


class Fly(_Table, frozen=True):
    app: str
    org: str
    region: str
    min_flyctl: str
    groups: Groups
    prices: FlyPrices


class Ports(_Table, frozen=True):
    edge: int
    gateway: int
    ui: int
    worker: int


class Edge(_Table, frozen=True):
    max_body: str
    paths: tuple[str, ...]


class Postgres(_Table, frozen=True):
    schema: str
    role: str
    connection_limit: int


class Redis(_Table, frozen=True):
    name: str
    plan: str
    max_memory_mb: int
    queue_name: str = ""


class ClickHouse(_Table, frozen=True):
    app: str
    image: str
    memory_mb: int
    cpus: int
    volume_gb: int
    volume_max_gb: int
    database: str
    user: str
    log_ttl_days: int


class Storage(_Table, frozen=True):
    provider: Literal["minio", "tigris"]
    app: str
    image: str
    memory_mb: int
    cpus: int
    volume_gb: int
    volume_max_gb: int
    bucket: str
    user: str
    expire_days: int


class Images(_Table, frozen=True):
    langfuse_web: str
    langfuse_worker: str
    langfuse_version: str


class Langfuse(_Table, frozen=True):
    org_id: str
    org_name: str
    project_id: str
    project_name: str


class Price(_Table, frozen=True):
    input: float
    output: float
    cached_input: float | None = None


class Models(_Table, frozen=True):
    default: str
    fallback: str
    embedding: str
    embedding_dimensions: int
    default_max_tokens: int
    escalate_over_input_tokens: int
    timeout_s: float
    prices: dict[str, Price]
    also_chat: tuple[str, ...] = ()
    also_embed: tuple[str, ...] = ()
    hosted_tools: dict[str, float] = {}

    @property
    def chat(self) -> tuple[str, ...]:
        """The models that clients may ask to answer, the default first."""
        return tuple(dict.fromkeys((self.default, self.fallback, *self.also_chat)))

    @property
    def embed(self) -> tuple[str, ...]:
        """The models that clients may ask for embeddings, the semantic cache's own first."""
        return tuple(dict.fromkeys((self.embedding, *self.also_embed)))


SemanticMode = Literal["wait", "background", "off"]


class TeamTable(_Table, frozen=True):
    key: str
    agents: tuple[str, ...] = ()
    mirrors: str | None = None
    rpm: int | None = None
    tpm: int | None = None
    daily_usd: float | None = None
    semantic: SemanticMode = "wait"
    per_user: bool = False
    provider_ids: tuple[str, ...] = ()


class Team(_Table, frozen=True):
    """A team with its limits resolved."""

    name: str
    key: str
    agents: tuple[str, ...]
    mirrors: str | None
    rpm: int
    tpm: int
    daily_usd: float
    semantic: SemanticMode
    per_user: bool
    provider_ids: tuple[str, ...]


class Cache(_Table, frozen=True):
    exact_ttl_s: int
    semantic: bool
    semantic_ttl_s: int
    candidate_from: float
    max_wrong: float
    judge_timeout_s: float
    bytes_per_team: int
    shadow_rate: float
    aliases: tuple[tuple[str, ...], ...] = ()


class Success(_Table, frozen=True):
    cache_hit_rate: float
    p95_latency_s: float
    error_rate: float
    daily_usd: float
    quota_violations: int


class Stack(_Table, frozen=True):
    """The whole description. `teams` as written; `resolved_teams` with mirrored limits filled in."""

    version: Literal[1]
    stack: Identity
    domains: Domains
    fly: Fly
    ports: Ports
    edge: Edge
    postgres: Postgres
    redis: Redis
    clickhouse: ClickHouse
    storage: Storage
    images: Images
    langfuse: Langfuse
    models: Models
    teams: dict[str, TeamTable]
    cache: Cache
    success: Success

    @property
    def resolved_teams(self) -> tuple[Team, ...]:
        """Every team with its limits, mirrors followed (one level)."""
        result = []
        for name, table in self.teams.items():
            source = self.teams[table.mirrors] if table.mirrors else table
            if source.rpm is None or source.tpm is None or source.daily_usd is None:
                raise ValueError(f"teams.{name}: needs rpm, tpm and daily_usd, or mirrors = another team that has them")
            result.append(
                Team(
                    name=name,
                    key=table.key,
                    agents=table.agents,
                    mirrors=table.mirrors,
                    rpm=source.rpm,
                    tpm=source.tpm,
                    daily_usd=source.daily_usd,
                    semantic=table.semantic,
                    provider_ids=table.provider_ids,
                    per_user=table.per_user,
                )
            )
        return tuple(result)

    @property
    def probe_team(self) -> Team:
        """The team that mirrors another's limits, for the quota test: no production key is spent on it."""
        return next(team for team in self.resolved_teams if team.mirrors)

    @property
    def test_team(self) -> Team:
        """Whose key the other tests use: the operators' team (one without agents), else the probe."""
        return next((team for team in self.resolved_teams if not team.agents and not team.mirrors), self.probe_team)


def read(file: Path, environ: Mapping[str, str]) -> Stack:
    """Read and check the stack file.

    Args:
        file: the TOML file.
        environ: its ``STACK__A__B`` variables override ``a.b``.

    Raises:
        RunbookError: STACK-001 unreadable or not TOML, STACK-002 a key is wrong; both name file and key.
    """
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        # Another file than the project's own was named by the operator.
        own = "RUNBOOK_STACK" not in environ
        raise RunbookError(
            "STACK-001",
            f"{file}: {error.strerror}",
            why="nothing was done",
            next=f"git checkout {file}" if own else "correct RUNBOOK_STACK in .env or the environment",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RunbookError(
            "STACK-001", f"{file} is not valid TOML: {error}", why="nothing was done", next=f"edit {file}"
        ) from None
    overrides = {name: text for name, text in environ.items() if name.startswith(OVERRIDE)}
    for name, text in overrides.items():
        _override(data, name, text)
    try:
        _name_the_entry(data)
        stack = convert(data, Stack)
        for fault in plausible.faults(stack):
            raise ValueError(fault)
        _check(stack)
    except (msgspec.ValidationError, ValueError) as error:
        said = _readable(str(error))
        line = _line_of(file.read_text(encoding="utf-8"), said.partition(":")[0])
        raise RunbookError(
            "STACK-002",
            f"{file}{f', line {line}' if line else ''}: {said}",
            why="nothing was done",
            next=" or ".join([f"edit {file}", *(f"unset {name}" for name in sorted(overrides))]) + ", then inv plan",
        ) from None
    return stack


def _override(data: dict[str, Any], name: str, text: str) -> None:
    parts = [part.lower() for part in name.removeprefix(OVERRIDE).split("__")]
    table = data
    for part in parts[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            raise RunbookError("STACK-002", f"{name}: {part} is not a table", next="unset it")
    try:
        value: Any = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    table[parts[-1]] = value


def _name_the_entry(data: dict[str, Any]) -> None:
    """Check free-named tables one by one: in a whole document the error would say `teams[...]`, not which team."""
    models = data.get("models")
    tables: tuple[tuple[str, object, type[_Table]], ...] = (
        ("teams", data.get("teams"), TeamTable),
        ("models.prices", models.get("prices") if isinstance(models, dict) else None, Price),
    )
    for place, table, kind in tables:
        for name, entry in table.items() if isinstance(table, dict) else ():
            try:
                convert(entry, kind)
            except msgspec.ValidationError as error:
                text, _, where = str(error).partition(" - at ")
                key = where.strip("`").removeprefix("$")
                raise ValueError(f"{place}.{name}{key}: {text}") from None


def _readable(message: str) -> str:
    """`Expected `int`, got `str` - at `$.a.b`` → `a.b: expected …`: the key first, as an operator looks for it."""
    text, _, where = message.partition(" - at ")
    return f"{where.strip('`').removeprefix('$.')}: {text}" if where else text


def _line_of(text: str, key: str) -> int:
    """The line that sets a key such as `fly.groups.ui.cpus`, else where its table begins; 0 when it is nowhere."""
    table, found, wanted = "", 0, key.rpartition(".")
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.split("#")[0].strip()
        if bare.startswith("["):
            table = bare.strip("[] ").replace('"', "").replace("'", "")
            found = number if table == key or (table == wanted[0] and not found) else found
        elif "=" in bare and table == wanted[0] and bare.partition("=")[0].strip().strip("\"'") == wanted[2]:
            return number
    return found


def _check(stack: Stack) -> None:
    """What types cannot say."""
    from ops import fly_rules
    from ops.render import sizes  # which renders stacks, and so needs this module first

    sizes.parse(stack.edge.max_body)
    for fault in fly_rules.faults(stack):
        raise ValueError(fault)
    for name, table in stack.teams.items():
        if table.mirrors is not None and table.mirrors not in stack.teams:
            raise ValueError(f"teams.{name}.mirrors: there is no team '{table.mirrors}'")
    teams = stack.resolved_teams
    for team in teams:
        if min(team.rpm, team.tpm) < 1 or team.daily_usd <= 0:
            raise ValueError(f"teams.{team.name}: rpm, tpm and daily_usd must be above zero")
    if not any(team.mirrors for team in teams):
        raise ValueError('teams: one must mirror another (mirrors = "NAME"), so that tests need no production key')
    keys = [team.key for team in teams]
    if len(set(keys)) != len(keys):
        raise ValueError("teams: two teams share one key")
    for model in (*stack.models.chat, *stack.models.embed):
        if model not in stack.models.prices:
            raise ValueError(f"models.prices: no price for {model}")
    for name, value in (("candidate_from", stack.cache.candidate_from), ("max_wrong", stack.cache.max_wrong)):
        if not 0 <= value < 1:
            raise ValueError(f"cache.{name}: must be a number from 0 to below 1")
    ports = [stack.ports.edge, stack.ports.gateway, stack.ports.ui, stack.ports.worker]
    if len(set(ports)) != len(ports):
        raise ValueError("ports: each process needs a port of its own")
