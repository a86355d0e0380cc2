"""The Grafana dashboard of the gateway's metrics, from the gateway's own list of them: metrics.toml of its package."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ops.description.stack import Stack

NAME = "llm-gateway-dashboard.json"
LISTED = Path("llm_gateway") / "ops" / "metrics.toml"
ACROSS, HIGH, WHOLE = 3, 8, 24  # panels in a row; their height and the row's width in Grafana's units
SCHEMA = 39


def listed(gateway_dir: Path) -> dict[str, dict[str, Any]]:
    """Every metric of the gateway, by name."""
    return tomllib.loads((gateway_dir / LISTED).read_text(encoding="utf-8"))


def text(stack: Stack, metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """The dashboard as Grafana imports it; which Prometheus it reads is chosen there."""
    made = {
        "uid": f"{stack.fly.app}"[:40],
        "title": f"{stack.stack.name}: LLM gateway",
        "tags": ["llm-gateway"],
        "timezone": "utc",
        "editable": True,
        "schemaVersion": SCHEMA,
        "refresh": "1m",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Data source", "type": "datasource", "query": "prometheus"}]
        },
        "panels": list(_panels(stack, metrics)),
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _panels(stack: Stack, metrics: Mapping[str, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    rows: dict[str, list[tuple[str, Mapping[str, Any]]]] = {"Goals": list(_goals(stack))}
    for metric in metrics.values():
        if "panel" in metric:
            rows.setdefault(metric["panel"]["row"], []).append((metric["help"], metric["panel"]))
    number, y = 0, 0
    for title, panels in rows.items():
        number += 1
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": _grid(0, y, WHOLE, 1)}
        y += 1
        wide = WHOLE // ACROSS
        for place, (help, panel) in enumerate(panels):
            number += 1
            yield _panel(number, help, panel, _grid(place % ACROSS * wide, y + place // ACROSS * HIGH, wide, HIGH))
        y += -(-len(panels) // ACROSS) * HIGH


def _goals(stack: Stack) -> Iterator[tuple[str, dict[str, Any]]]:
    """The success metrics, each with its goal as a line."""
    goals = stack.success
    tests = "|".join(team.name for team in stack.resolved_teams if team.mirrors) or "-"
    counted = f'team!~"{tests}"'
    all_, hits = f'gateway_requests_total{{{counted},outcome="answered"}}', 'tier=~"exact|semantic|alias"'
    yield (
        "Answers from a cache among all answers.",
        {
            "title": "Cache hit rate",
            "unit": "percentunit",
            "goal": goals.cache_hit_rate,
            "expr": f"sum(rate({all_[:-1]},{hits}}}[1h])) / sum(rate({all_}[1h]))",
        },
    )
    yield (
        "95% of the answers that no cache gave were there by then.",
        {
            "title": "P95",
            "unit": "s",
            "goal": goals.p95_latency_s,
            "expr": "histogram_quantile(0.95, sum by (le) (rate(gateway_request_seconds_bucket"
            f'{{{counted},tier=~"miss|bypass"}}[$__rate_interval])))',
        },
    )
    yield (
        "Requests that failed or were shed among those that should have had an answer.",
        {
            "title": "Error rate",
            "unit": "percentunit",
            "goal": goals.error_rate,
            "expr": f'sum(rate(gateway_requests_total{{{counted},outcome=~"failed|shed"}}[$__rate_interval])) / '
            f'sum(rate(gateway_requests_total{{{counted},outcome=~"answered|failed|shed"}}[$__rate_interval]))',
        },
    )
    yield (
        "What the limiter has booked since midnight UTC.",
        {
            "title": "Dollars today",
            "unit": "currencyUSD",
            "goal": goals.daily_usd,
            "expr": f'sum(max by (team) (gateway_used{{{counted},limit="usd"}}))',
        },
    )
    yield (
        "Requests that a limit refused.",
        {
            "title": "Over a limit in an hour",
            "unit": "short",
            "goal": goals.quota_violations,
            "expr": f'sum(increase(gateway_requests_total{{{counted},outcome="limited"}}[1h]))',
        },
    )


def _panel(number: int, help: str, panel: Mapping[str, Any], place: dict[str, int]) -> dict[str, Any]:
    source = {"type": "prometheus", "uid": "${source}"}
    goal = panel.get("goal")
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if goal is not None:
        steps.append({"color": "red", "value": goal})
    return {
        "id": number,
        "type": "timeseries",
        "title": panel["title"],
        "description": help,
        "datasource": source,
        "gridPos": place,
        "targets": [{"refId": "A", "datasource": source, "expr": panel["expr"], "legendFormat": "__auto"}],
        "fieldConfig": {
            "defaults": {
                "unit": panel["unit"],
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": {"thresholdsStyle": {"mode": "line" if goal is not None else "off"}},
            },
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
    }


def _grid(x: int, y: int, wide: int, high: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": wide, "h": high}
