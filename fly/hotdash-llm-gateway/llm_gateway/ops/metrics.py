"""Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..settings import NANO

if TYPE_CHECKING:
    from ..gateway import Gateway

RESULTS = ("exact", "semantic", "alias", "miss", "bypass", "limited", "malformed", "failed")


def render(gateway: Gateway, teams: Sequence[Mapping[str, Any]]) -> str:
    """All figures of this process, and the shared use of the limits."""
    return "\n".join(_lines(gateway, teams)) + "\n"


def _lines(gateway: Gateway, teams: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    totals = gateway.tally.totals
    names = list(gateway.config.teams)
    yield "# TYPE gateway_requests_total counter"
    for team in names:
        for result in RESULTS:
            yield f'gateway_requests_total{{team="{team}",result="{result}"}} {totals[team, result]}'
    for name in ("escalated", "fallback"):
        yield f"# TYPE gateway_{name}_total counter"
        for team in names:
            yield f'gateway_{name}_total{{team="{team}"}} {totals[team, name]}'
    for name in ("spent", "saved"):
        yield f"# TYPE gateway_{name}_usd_total counter"
        for team in names:
            yield f'gateway_{name}_usd_total{{team="{team}"}} {totals[team, f"{name}_nano_usd"] / NANO:.9f}'
    yield "# TYPE gateway_wrong_keys_total counter"
    yield f"gateway_wrong_keys_total {gateway.tally.wrong_keys}"
    yield "# TYPE gateway_own_failures_total counter"
    for kind, count in sorted(gateway.tally.own_failures.items()):
        yield f'gateway_own_failures_total{{kind="{kind}"}} {count}'
    yield "# TYPE gateway_semantic_lookups_total counter"
    for team in names:
        yield f'gateway_semantic_lookups_total{{team="{team}"}} {totals[team, "lookups"]}'
    yield "# TYPE gateway_semantic_hits_total counter"
    for team in names:
        for how in ("same", "judge", "similarity", "alias"):
            yield f'gateway_semantic_hits_total{{team="{team}",by="{how}"}} {totals[team, f"served_{how}"]}'
    yield "# TYPE gateway_judge_verdicts_total counter"
    for team in names:
        for name in ("yes", "no", "unclear"):
            yield f'gateway_judge_verdicts_total{{team="{team}",verdict="{name}"}} {totals[team, f"judge_{name}"]}'
    yield "# TYPE gateway_judge_seconds_total counter"
    for team in names:
        yield f'gateway_judge_seconds_total{{team="{team}"}} {totals[team, "judge_ms"] / 1000:.3f}'
    yield "# TYPE gateway_judge_usd_total counter"
    for team in names:
        yield f'gateway_judge_usd_total{{team="{team}"}} {totals[team, "judge_nano_usd"] / NANO:.9f}'
    yield "# TYPE gateway_semantic_saved_usd_total counter"
    for team in names:
        saved = totals[team, "semantic_saved_nano_usd"]
        yield f'gateway_semantic_saved_usd_total{{team="{team}"}} {saved / NANO:.9f}'
    yield "# TYPE gateway_judge_pays gauge"  # Of yesterday: 1 or 0, nothing if the judge was not asked.
    for shown in teams:
        if shown["judge_pays"] is not None:
            yield f'gateway_judge_pays{{team="{shown["name"]}"}} {int(shown["judge_pays"])}'
    limits = (("requests", "rpm", "requests"), ("tokens", "tpm", "tokens"), ("usd", "daily_usd", "usd_today"))
    yield "# TYPE gateway_limit gauge"
    for shown in teams:
        for label, limit, _ in limits:
            yield f'gateway_limit{{team="{shown["name"]}",limit="{label}"}} {shown["limits"][limit]}'
    yield "# TYPE gateway_used gauge"
    for shown in teams:
        for label, _, used in limits:
            yield f'gateway_used{{team="{shown["name"]}",limit="{label}"}} {shown["used"][used]}'
    yield "# TYPE gateway_event_loop_delay_seconds gauge"
    yield f'gateway_event_loop_delay_seconds{{over="minute"}} {gateway.loop_delay.recent_s:.6f}'
    yield f'gateway_event_loop_delay_seconds{{over="start"}} {gateway.loop_delay.longest_s:.6f}'
    yield "# TYPE gateway_event_loop_held_seconds histogram"
    for bound, count in gateway.loop_delay.held():
        yield f'gateway_event_loop_held_seconds_bucket{{le="{bound}"}} {count}'
    yield f"gateway_event_loop_held_seconds_sum {gateway.loop_delay.held_s:.6f}"
    yield f"gateway_event_loop_held_seconds_count {count}"
    yield "# TYPE gateway_ready gauge"
    yield f"gateway_ready {int(not gateway.not_ready())}"
    yield "# TYPE gateway_redis_up gauge"
    yield f"gateway_redis_up {int(gateway.store.available)}"
    if gateway.tracer is not None:
        counts = gateway.tracer.counts()
        yield "# TYPE gateway_traces_total counter"
        yield f'gateway_traces_total{{result="sent"}} {counts.sent}'
        yield f'gateway_traces_total{{result="lost"}} {counts.lost}'
        yield "# TYPE gateway_traces_waiting gauge"
        yield f"gateway_traces_waiting {counts.waiting}"
        yield "# TYPE gateway_traces_waiting_bytes gauge"
        yield f"gateway_traces_waiting_bytes {counts.waiting_bytes}"
