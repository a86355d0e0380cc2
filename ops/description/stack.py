"""The description of a stack: the types that `stack.toml` is read into."""

from __future__ import annotations

from typing import Literal

import msgspec

from ops.description.fly import Fly, Group
from ops.description.table import Table
from ops.description.watch import Watch, WatchRule


class Identity(Table, frozen=True):
    """The table `stack`: what the stack is called, and where its files are, below the checkout.

    Attributes:
        folder: of the rendered files and the gateway's source.
        vault: the JSON file of production's secrets.
        operator_email: Langfuse's first user, and the address for alerts.
        agent, task: in whose name and on which task progress is reported.
    """

    name: str
    folder: str
    vault: str
    operator_email: str
    agent: str
    task: str


class Domains(Table, frozen=True):
    """The table `domains`: the public host names; the same twice where the UI has none of its own."""

    gateway: str
    langfuse: str


class Ports(Table, frozen=True):
    """The table `ports`: the TCP port that each process group listens on inside Fly."""

    edge: int
    gateway: int
    ui: int
    worker: int
    metrics: int


class Edge(Table, frozen=True):
    """The table `edge`: the largest request body, as Caddy writes sizes (``2MB``), and the public paths."""

    max_body: str
    paths: tuple[str, ...]


class Postgres(Table, frozen=True):
    """The table `postgres`: Langfuse's schema and role, and how many connections each of its processes may open."""

    schema: str
    role: str
    connection_limit: int


class Redis(Table, frozen=True):
    """The table `redis`: managed Redis at Fly, for limits and caches.

    Attributes:
        plan: as Fly calls it, such as ``Fixed 250MB``.
        max_memory_mb: the memory limit of the rehearsal's Redis, in MB.
        queue_name: of a second database for Langfuse's queue; empty: it shares the first.
    """

    name: str
    plan: str
    max_memory_mb: int
    queue_name: str = ""


class ClickHouse(Table, frozen=True):
    """The table `clickhouse`: Langfuse's ClickHouse, an app of one machine with one volume.

    Attributes:
        volume_gb: size of the volume to begin with, in GB; it grows by itself up to `volume_max_gb`.
        database: Langfuse's database; `user` is limited to it.
        log_ttl_days: days for which ClickHouse keeps its own log tables.
    """

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
    """The table `storage`: Langfuse's object store. `app` to `volume_max_gb` are for MinIO only.

    Attributes:
        provider: ``minio``, an app of our own, or ``tigris``, Fly's object store.
        volume_gb: size of the volume to begin with, in GB; it grows by itself up to `volume_max_gb`.
        bucket: Langfuse's bucket; `user` is limited to it.
        expire_days: days after which objects are removed.
    """

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
    """The table `images`: Langfuse's two images by digest, and the version that both are of.

    `caddy`, where it is given, is the Caddy project's own image, which the edge's program is then copied from.
    """

    langfuse_web: str
    langfuse_worker: str
    langfuse_version: str
    caddy: str = ""


LangfuseFeature = Literal[
    "evaluations", "experiments", "datasets", "bulk-actions", "webhooks", "monitors", "assistant",
    "posthog", "mixpanel", "blob-storage",
]  # fmt: skip


class Langfuse(Table, frozen=True):
    """The table `langfuse`: the organisation and the project that are made at Langfuse's first start.

    Attributes:
        also_on: what of Langfuse's interface works beside traces, dashboards, prompts and scores.
    """

    org_id: str
    org_name: str
    project_id: str
    project_name: str
    also_on: tuple[LangfuseFeature, ...] = ()


class Price(Table, frozen=True):
    """A row of `models.prices`, USD per million tokens; without `cached_input`, cached tokens cost as much as any."""

    input: float
    output: float
    cached_input: float | None = None


class Models(Table, frozen=True):
    """The table `models`: which models the gateway offers, and what they cost.

    Attributes:
        default: the model that answers where a request names none.
        fallback: the model asked when another fails, and for long inputs.
        embedding: the model whose vectors of `embedding_dimensions` numbers the semantic cache compares.
        default_max_tokens: the most output tokens of a request that sets no bound.
        escalate_over_input_tokens: input tokens above which the default model's requests go to `fallback`.
        timeout_s: seconds that the provider has for an answer.
        also_chat, also_embed: further models that clients may ask for answers, and for embeddings.
        hosted_tools: USD per call, by the name of a tool that runs at the provider.
    """

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
    hosted_tools: dict[str, float] = msgspec.field(default_factory=dict)

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
    """A table `teams.*` as it is written: limits may be left out where `mirrors` names a team that has them.

    Attributes:
        key: name of the secret that is the team's key; `agents` use it.
        rpm, tpm: requests and tokens per minute.
        daily_usd: USD per day (UTC).
        semantic: whether a question in other words waits for the judge, does not wait, or is not looked up.
        per_user: cached answers of one end user are not shown to another.
        provider_ids: ids of objects at the provider that belong to the team.
    """

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
    """A team with its limits resolved; attributes and units as in `TeamTable`."""

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
    """The table `cache`: both caches of answers.

    Attributes:
        exact_ttl_s, semantic_ttl_s: seconds for which answers are kept.
        semantic: whether answers are also found by meaning.
        candidate_from: cosine similarity, 0 to 1, below which no stored answer is considered.
        max_wrong: share, 0 to 1, of wrong answers tolerated among those served without a verdict.
        judge_timeout_s: seconds that a request waits for the judge's verdict.
        bytes_per_team: memory in Redis that one team's entries may take, in bytes.
        shadow_rate: share, 0 to 1, of semantic hits that are answered afresh as well, to check them.
        aliases: groups of questions that a person declared the same.
    """

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
    """The table `success`: what the first week after cutover is measured against.

    Attributes:
        cache_hit_rate: the least share of answers from a cache, 0 to 1.
        p95_latency_s: the most seconds within which 95% of the answers are there.
        error_rate: the largest share of failed requests, 0 to 1.
        daily_usd: the most USD spent on a day.
        quota_violations: the most requests let through above a limit.
    """

    cache_hit_rate: float
    p95_latency_s: float
    error_rate: float
    daily_usd: float
    quota_violations: int


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
    def watch_rules(self) -> dict[str, WatchRule]:
        """The watch's rules by name, each with its limit: where none is written, the goal of the same thing."""
        goals = {
            "errors": self.success.error_rate,
            "latency": self.success.p95_latency_s,
            "spend": self.success.daily_usd,
        }
        return {
            name: rule if rule.limit is not None else msgspec.structs.replace(rule, limit=goals.get(name, 0.0))
            for name, rule in self.watch.rules.items()
        }

    @property
    def resolved_teams(self) -> tuple[Team, ...]:
        """Every team with its limits, mirrors followed (one level).

        Raises:
            ValueError: a team has neither limits nor a mirrored team that has them.
        """
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
