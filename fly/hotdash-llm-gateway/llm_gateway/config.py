"""The gateway's configuration: the `gateway:` section of litellm.config.yaml as frozen values.

The rest of that file belongs to LiteLLM and is handed over unread (`GatewayConfig.litellm`). Money is an integer
in nano-USD (1e-9 USD) from here on, so that sums over millions of requests stay exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from .settings import NANO, ConfigError, Section

SemanticMode = Literal["wait", "background", "off"]
"""What a team does for a verdict: wait for it, let it be learned for later, or have no semantic cache."""


@dataclass(frozen=True)
class Team:
    """One holder of a key and its limits. `rpm` and `tpm` are per sliding 60 s, `daily_nano_usd` per UTC day.

    `per_user` keeps the cached answers of its end users apart; else they share them.
    """

    name: str
    key_env: str
    rpm: int
    tpm: int
    daily_nano_usd: int
    semantic: SemanticMode = "wait"
    per_user: bool = False
    provider_ids: frozenset[str] = frozenset()
    """What an operator made for the team at the provider: files, prompts, vector stores."""


@dataclass(frozen=True)
class Price:
    """Nano-USD per token. `context`: the most tokens the model reads, so the most that one input can be billed as."""

    input: int
    output: int
    cached_input: int
    context: int = 128_000


@dataclass(frozen=True)
class Escalation:
    """Requests of more than `over_input_tokens` tokens are answered by `model`."""

    model: str
    over_input_tokens: int


@dataclass(frozen=True)
class Embedding:
    """How questions become vectors for the semantic cache."""

    model: str
    dimensions: int
    timeout_s: float


@dataclass(frozen=True)
class Redis:
    """Where the shared state is. `unready_after_s`: how long it may be away before readiness turns red."""

    url_env: str
    key_prefix: str
    socket_timeout_s: float
    breaker_open_s: float
    unready_after_s: float


@dataclass(frozen=True)
class Semantic:
    """The semantic tier.

    `candidate_from` is the cosine below which no stored answer is looked at; `max_wrong` the share of wrong answers
    among those served without a verdict, under which the learned bound has to be.
    """

    ttl_s: int
    candidate_from: float
    max_wrong: float
    judge_model: str
    judge_timeout_s: float
    aliases: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Cache:
    """Both tiers. `bytes_per_team` bounds what one team's entries may take in Redis."""

    exact_ttl_s: int
    semantic: Semantic | None
    bytes_per_team: int
    shadow_rate: float


@dataclass(frozen=True)
class Langfuse:
    """Where traces go; `queue` bounds how many wait in memory while Langfuse is away."""

    host_env: str
    public_key_env: str
    secret_key_env: str
    environment: str
    content: bool
    queue: int


@dataclass(frozen=True)
class GatewayConfig:
    """Everything the gateway is told by its configuration file.

    Attributes:
        chat_models, embedding_models: of model_list, by what they do.
        hosted_tools: tools that run at the provider and may be used, with nano-USD per call.
    """

    teams: Mapping[str, Team]
    prices: Mapping[str, Price]
    chat_models: tuple[str, ...]
    embedding_models: tuple[str, ...]
    hosted_tools: Mapping[str, int]
    default_model: str
    escalation: Escalation | None
    fallback: Mapping[str, str]
    default_max_tokens: int
    max_body_bytes: int
    body_s: int
    redis: Redis
    gateways: int
    embedding: Embedding
    cache: Cache
    langfuse: Langfuse | None
    self_test_team: str
    litellm: Mapping[str, Any] = field(repr=False)


def load(path: Path) -> GatewayConfig:
    """Read the rendered litellm.config.yaml; raise ConfigError with the setting's path if it is unusable."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must be a mapping with model_list and gateway")
    return parse(document)


def parse(document: Mapping[str, Any]) -> GatewayConfig:
    """Turn the parsed file into a `GatewayConfig`; raise ConfigError if a setting is missing, unknown or wrong."""
    top = Section("gateway", document.get("gateway"))
    embedding = top.section("embedding")
    redis = top.section("redis")
    embedding_model = embedding.text("model")
    config = GatewayConfig(
        teams=_teams(top.section("teams")),
        prices={section.name: _price(section) for section in top.section("prices").sections()},
        chat_models=(),
        embedding_models=tuple(dict.fromkeys([embedding_model, *top.texts("embedding_models")])),
        hosted_tools=_hosted_tools(top.optional_section("hosted_tools")),
        default_model=top.text("default_model"),
        escalation=_escalation(top.optional_section("escalation")),
        fallback=dict(top.mapping("fallback")),
        default_max_tokens=top.integer("default_max_tokens", minimum=1),
        max_body_bytes=top.integer("max_body_bytes", 2 * 1024 * 1024, minimum=1024),
        # Less than the edge's own limit, which closes the connection without a word that a client understands.
        body_s=top.integer("body_s", 50, minimum=1),
        redis=Redis(
            url_env=redis.text("url_env", "GATEWAY_REDIS_URL"),
            key_prefix=redis.text("key_prefix", "gw:"),
            socket_timeout_s=redis.number("socket_timeout_s", 0.25, minimum=0.01),
            breaker_open_s=redis.number("breaker_open_s", 5.0, minimum=0.0),
            unready_after_s=redis.number("unready_after_s", 60.0, minimum=0.0),
        ),
        gateways=top.integer("gateways", 1, minimum=1),
        embedding=Embedding(
            model=embedding_model,
            dimensions=embedding.integer("dimensions", minimum=1),
            timeout_s=embedding.number("timeout_s", 2.0, minimum=0.01),
        ),
        cache=_cache(top.section("cache")),
        langfuse=_langfuse(top.section("callbacks").optional_section("langfuse")),
        self_test_team=top.text("self_test_team"),
        litellm={key: value for key, value in document.items() if key != "gateway"},
    )
    for section in (embedding, redis, top):
        section.finish()
    return _checked(config)


def _checked(config: GatewayConfig) -> GatewayConfig:
    """Check what only the whole shows: every name used is a name declared."""
    names = _model_names(config.litellm)
    chat = tuple(name for name in names if name not in config.embedding_models)
    priced = set(config.prices)
    for where, model in (
        ("default_model", config.default_model),
        *((f"fallback.{source}", target) for source, target in config.fallback.items()),
        *(("fallback", source) for source in config.fallback),
        *((("escalation.model", config.escalation.model),) if config.escalation else ()),
        *((("cache.semantic.judge_model", config.cache.semantic.judge_model),) if config.cache.semantic else ()),
    ):
        if model not in chat:
            raise ConfigError(f"gateway.{where}: {model!r} is not among the chat models of model_list: {list(chat)}")
    for model in config.embedding_models:
        if model not in names:
            raise ConfigError(f"gateway.embedding_models: {model!r} is not in model_list")
    for model in names:
        if model not in priced:
            raise ConfigError(f"gateway.prices: no price for {model!r}; without one it would pass every budget")
    if config.self_test_team not in config.teams:
        raise ConfigError(f"gateway.self_test_team: no team {config.self_test_team!r}")
    return replace(config, chat_models=chat)


def _model_names(litellm: Mapping[str, Any]) -> list[str]:
    models = litellm.get("model_list")
    if not isinstance(models, list) or not models:
        raise ConfigError("model_list: at least one model is needed")
    names = []
    for index, model in enumerate(models):
        name = model.get("model_name") if isinstance(model, dict) else None
        if not isinstance(name, str) or not name or "," in name:
            raise ConfigError(f"model_list[{index}].model_name: a plain name is needed")
        names.append(name)
    return list(dict.fromkeys(names))


def _teams(section: Section) -> dict[str, Team]:
    teams = {}
    for team in section.sections():
        teams[team.name] = Team(
            name=team.name,
            key_env=team.text("key_env"),
            rpm=team.integer("rpm", minimum=1),
            tpm=team.integer("tpm", minimum=1),
            daily_nano_usd=team.nano_usd("daily_usd"),
            semantic=team.choice("semantic", "wait", get_args(SemanticMode)),
            per_user=team.flag("per_user", False),
            provider_ids=frozenset(team.texts("provider_ids")),
        )
        team.finish()
        if not team.name.replace("_", "").replace("-", "").isalnum() or not team.name.isascii():
            raise ConfigError(f"gateway.teams: {team.name!r} may have letters, digits, - and _ only")
    if not teams:
        raise ConfigError("gateway.teams: at least one team is needed")
    return teams


def _price(section: Section) -> Price:
    dollars_per_million_to_nano_per_token = Decimal(NANO) / 1_000_000
    values = {
        name: section.decimal(name, default) * dollars_per_million_to_nano_per_token
        for name, default in (("input", None), ("output", Decimal(0)), ("cached_input", Decimal(-1)))
    }
    context = section.integer("context", 128_000, minimum=1)
    section.finish()
    if values["cached_input"] < 0:
        values["cached_input"] = values["input"]
    for name, value in values.items():
        if value != value.to_integral_value() or value < 0:
            raise ConfigError(f"{section.path}.{name}: finer than 0.001 USD per million tokens, or negative")
    return Price(**{name: int(value) for name, value in values.items()}, context=context)


def _hosted_tools(section: Section | None) -> dict[str, int]:
    """Nano-USD per call of each of the provider's own tools that may be used."""
    if section is None:
        return {}
    priced = {name: section.nano_usd(name) for name in section.names()}
    section.finish()
    return priced


def _escalation(section: Section | None) -> Escalation | None:
    if section is None:
        return None
    escalation = Escalation(section.text("model"), section.integer("over_input_tokens", minimum=0))
    section.finish()
    return escalation


def _cache(section: Section) -> Cache:
    exact = section.section("exact")
    cache = Cache(
        exact_ttl_s=exact.integer("ttl_s", minimum=1),
        semantic=_semantic(section.optional_section("semantic")),
        bytes_per_team=section.integer("bytes_per_team", minimum=0),
        shadow_rate=section.number("shadow_rate", 0.0, minimum=0.0),
    )
    exact.finish()
    section.finish()
    if cache.shadow_rate > 1:
        raise ConfigError(f"{section.path}.shadow_rate: a share between 0 and 1")
    return cache


def _semantic(section: Section | None) -> Semantic | None:
    if section is None:
        return None
    groups = section.sequence("aliases")
    for group in groups:
        if not isinstance(group, list) or len(group) < 2 or not all(isinstance(text, str) for text in group):
            raise ConfigError(f"{section.path}.aliases: each group is a list of at least two questions")
    semantic = Semantic(
        ttl_s=section.integer("ttl_s", minimum=1),
        candidate_from=section.number("candidate_from", minimum=0.0),
        max_wrong=section.number("max_wrong", 0.01, minimum=0.0),
        judge_model=section.text("judge_model"),
        judge_timeout_s=section.number("judge_timeout_s", 1.5, minimum=0.01),
        aliases=tuple(tuple(group) for group in groups),
    )
    section.finish()
    for name in ("candidate_from", "max_wrong"):
        if getattr(semantic, name) >= 1:
            raise ConfigError(f"{section.path}.{name}: a number below 1 is needed")
    return semantic


def _langfuse(section: Section | None) -> Langfuse | None:
    if section is None:
        return None
    langfuse = Langfuse(
        host_env=section.text("host_env", "LANGFUSE_HOST"),
        public_key_env=section.text("public_key_env", "LANGFUSE_PUBLIC_KEY"),
        secret_key_env=section.text("secret_key_env", "LANGFUSE_SECRET_KEY"),
        environment=section.text("environment", "production"),
        content=section.flag("content", True),
        queue=section.integer("queue", 2048, minimum=1),
    )
    section.finish()
    return langfuse
