"""The description of a stack: the types that `stack.toml` is read into."""

from __future__ import annotations

from typing import Literal

import msgspec


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: every key is known, none is changed afterwards."""


class Identity(Table, frozen=True):
    name: str
    folder: str
    vault: str
    operator_email: str
    agent: str
    task: str


class Domains(Table, frozen=True):
    gateway: str
    langfuse: str


class Group(Table, frozen=True):
    count: int
    memory_mb: int
    cpus: int


class Groups(Table, frozen=True):
    edge: Group
    gateway: Group
    ui: Group
    worker: Group
    watch: Group


class FlyPrices(Table, frozen=True):
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


class Fly(Table, frozen=True):
    app: str
    org: str
    region: str
    min_flyctl: str
    groups: Groups
    prices: FlyPrices


class Ports(Table, frozen=True):
    edge: int
    gateway: int
    ui: int
    worker: int
    metrics: int


class Edge(Table, frozen=True):
    max_body: str
    paths: tuple[str, ...]


class Postgres(Table, frozen=True):
    schema: str
    role: str
    connection_limit: int


class Redis(Table, frozen=True):
    name: str
    plan: str
    max_memory_mb: int
    queue_name: str = ""


class ClickHouse(Table, frozen=True):
    app: str
    image: str
    memory_mb: int
    cpus: int
    volume_gb: int
    volume_max_gb: int
    database: str
    user: str
    log_ttl_days: int


class Storage(Table, frozen=True):
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


class Images(Table, frozen=True):
    langfuse_web: str
    langfuse_worker: str
    langfuse_version: str


class Langfuse(Table, frozen=True):
    org_id: str
    org_name: str
    project_id: str
    project_name: str


class Price(Table, frozen=True):
    input: float
    output: float
    cached_input: float | None = None


class Models(Table, frozen=True):
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


class TeamTable(Table, frozen=True):
    key: str
    agents: tuple[str, ...] = ()
    mirrors: str | None = None
    rpm: int | None = None
    tpm: int | None = None
    daily_usd: float | None = None
    semantic: SemanticMode = "wait"
    per_user: bool = False
    provider_ids: tuple[str, ...] = ()


class Team(Table, frozen=True):
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


class Cache(Table, frozen=True):
    exact_ttl_s: int
    semantic: bool
    semantic_ttl_s: int
    candidate_from: float
    max_wrong: float
    judge_timeout_s: float
    bytes_per_team: int
    shadow_rate: float
    aliases: tuple[tuple[str, ...], ...] = ()


class Success(Table, frozen=True):
    cache_hit_rate: float
    p95_latency_s: float
    error_rate: float
    daily_usd: float
    quota_violations: int


class WatchRule(Table, frozen=True):
    """Of one rule of the watch; what the figures mean stands in the description."""

    limit: float = 0.0
    over_min: int = 10
    after_min: int = 0
    least: int = 0
    off: bool = False


class Watch(Table, frozen=True):
    on: bool
    sender: str
    every_s: float
    clear_min: int
    unseen_min: int
    summary_hour: int
    guide: str
    rules: dict[str, WatchRule]


class Stack(Table, frozen=True):
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
    watch: Watch

    @property
    def groups(self) -> dict[str, Group]:
        """The process groups of the gateway's app by name: those that are deployed."""
        names = ("edge", "gateway", "ui", "worker", *(("watch",) if self.watch.on else ()))
        return {name: getattr(self.fly.groups, name) for name in names}

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
