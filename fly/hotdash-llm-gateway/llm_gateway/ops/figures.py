"""The samples of every metric: this process' own, and what all gateways share in Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ..health.request_counters import pays
from ..settings import NANO
from . import redis_use

if TYPE_CHECKING:
    from ..gateway import Gateway

CACHE_TIERS = ("exact", "semantic", "alias")
HOW = ("same", "judge", "similarity", "alias")
VERDICTS = ("yes", "no", "unclear")


class Buckets(Protocol):
    """What a histogram shows."""

    sum_s: float

    def cumulative(self) -> Iterator[tuple[str, int]]:
        """The bounds as labels, and how many lie at or below each."""
        ...


class Sample(NamedTuple):
    """The values of a metric's labels, in the order of metrics.toml, and its figure."""

    labels: tuple[str, ...]
    value: float | Buckets


Named = tuple[str, Sample]


def own(gateway: Gateway) -> Iterator[Named]:
    """What this process counts."""
    yield from _requests(gateway)
    yield from _teams(gateway)
    counters, meters = gateway.counters, gateway.counters.meters
    yield "gateway_wrong_keys", Sample((), counters.wrong_keys)
    for kind, count in sorted(counters.own_failures.items()):
        yield "gateway_own_failures", Sample((kind,), count)
    decisions: dict[tuple[str, str], int] = {}
    for (team, decision), count in gateway.limiter.decisions.items():
        decisions[meters.team(team), decision] = decisions.get((meters.team(team), decision), 0) + count
    for labels, count in sorted(decisions.items()):
        yield "gateway_limiter_decisions", Sample(labels, count)
    delay = gateway.loop_delay
    yield "gateway_event_loop_delay_seconds", Sample(("minute",), delay.recent_s)
    yield "gateway_event_loop_delay_seconds", Sample(("start",), delay.longest_s)
    yield "gateway_event_loop_held_seconds", Sample((), delay)
    yield "gateway_ready", Sample((), int(not gateway.not_ready()))
    yield "gateway_redis_up", Sample((), int(gateway.store.available))
    if gateway.tracer is not None:
        counts = gateway.tracer.counts()
        yield "gateway_traces", Sample(("sent",), counts.sent)
        yield "gateway_traces", Sample(("lost",), counts.lost)
        yield "gateway_traces_waiting", Sample((), counts.waiting)
        yield "gateway_traces_waiting_bytes", Sample((), counts.waiting_bytes)
    if gateway.delivery is not None and (last := gateway.delivery.last) is not None:
        yield "gateway_traces_delivery", Sample(("counted",), last.counted)
        yield "gateway_traces_delivery", Sample(("shown",), last.shown)


def _requests(gateway: Gateway) -> Iterator[Named]:
    meters = gateway.counters.meters
    for key, row in meters.rows.items():
        yield "gateway_requests", Sample(key, row.count)
    for labels, row in meters.sums("team", "model").items():
        yield "gateway_tokens", Sample((*labels, "input"), row.input_tokens)
        yield "gateway_tokens", Sample((*labels, "output"), row.output_tokens)
    for labels, row in meters.sums("team", "route", "model").items():
        yield "gateway_spent_usd", Sample(labels, row.nano_usd / NANO)
    for labels, row in meters.sums("team", "tier").items():
        if labels[1] in CACHE_TIERS:
            yield "gateway_saved_usd", Sample(labels, row.saved_nano_usd / NANO)
    for labels, row in meters.sums("team", "route", "tier").items():
        yield "gateway_request_seconds", Sample(labels, row.total)
    for labels, row in meters.sums("route").items():
        yield "gateway_own_seconds", Sample(labels, row.own)
        if row.lookup is not None:
            yield "gateway_lookup_seconds", Sample(labels, row.lookup)
    for labels, row in meters.sums("route", "model").items():
        if row.provider is not None:
            yield "gateway_provider_seconds", Sample(labels, row.provider)
    for labels, row in meters.sums("team", "route").items():
        if row.first is not None:
            yield "gateway_first_token_seconds", Sample(labels, row.first)


def _teams(gateway: Gateway) -> Iterator[Named]:
    totals = gateway.counters.totals
    for team in gateway.config.teams:
        yield "gateway_escalated", Sample((team,), totals[team, "escalated"])
        yield "gateway_fallback", Sample((team,), totals[team, "fallback"])
        yield "gateway_semantic_lookups", Sample((team,), totals[team, "lookups"])
        for how in HOW:
            yield "gateway_semantic_hits", Sample((team, how), totals[team, f"served_{how}"])
        yield "gateway_judge_calls", Sample((team, "given"), totals[team, "judge_calls"])
        yield "gateway_judge_calls", Sample((team, "limited"), totals[team, "judge_limited"])
        for verdict in VERDICTS:
            yield "gateway_judge_verdicts", Sample((team, verdict), totals[team, f"judge_{verdict}"])
        yield "gateway_judge_seconds", Sample((team,), totals[team, "judge_ms"] / 1000)
        for name in ("judge", "embedding", "semantic_saved"):
            yield f"gateway_{name}_usd", Sample((team,), totals[team, f"{name}_nano_usd"] / NANO)
        # A check costs a fresh answer, and often a verdict on the two.
        yield "gateway_check_usd", Sample((team,), totals[team, "check_nano_usd"] / NANO)


async def shared(gateway: Gateway) -> AsyncIterator[Named]:
    """What Redis keeps for all gateways. Raises StoreUnavailable where it is away."""
    for team in gateway.config.teams.values():
        most = {"requests": team.rpm, "tokens": team.tpm, "usd": team.daily_nano_usd / NANO}
        for limit, value in most.items():
            yield "gateway_limit", Sample((team.name, limit), value)
    for team in gateway.config.teams.values():
        usage = await gateway.limiter.usage(team)
        used = {"requests": usage.requests, "tokens": usage.tokens, "usd": usage.spent_nano_usd / NANO}
        for limit, value in used.items():
            yield "gateway_used", Sample((team.name, limit), value)
    for name in gateway.config.teams:
        paid = pays(await gateway.counters.yesterday(name))
        if paid is not None:
            yield "gateway_judge_pays", Sample((name,), int(paid))
        if gateway.semantic is not None:
            checked = await gateway.semantic.shadow_sample.estimate(name)
            yield "gateway_shadow_checked", Sample((name, "agree"), checked["sampled"] - checked["wrong"])
            yield "gateway_shadow_checked", Sample((name, "differ"), checked["wrong"])
        yield "gateway_cache_bytes", Sample((name,), await gateway.entry_store.used_bytes(name))
    used, most = (sum(figures) for figures in zip(*await gateway.store.memory(), strict=True))
    if used:
        for use, count in (await redis_use.by_use(gateway, used)).items():
            yield "gateway_redis_bytes", Sample((use,), count)
    if most:
        yield "gateway_redis_limit_bytes", Sample((), most)
