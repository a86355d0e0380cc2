"""The generated blocks of the guides: tables made from the description, the steps and the contract of the vault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ops.runbook.markdown import table
from ops.targets.deployment import Deployment


def _teams(deployment: Deployment) -> str:
    rows: list[tuple[object, ...]] = [
        (
            f"`{team.name}`",
            f"`{team.key}`",
            ", ".join(team.agents) or ("tests" if team.mirrors else "operators"),
            team.rpm,
            team.tpm,
            f"${team.daily_usd:g}",
        )
        for team in deployment.stack.resolved_teams
    ]
    return table(("team", "secret", "used by", "requests/min", "tokens/min", "USD/day"), rows)


def _names(deployment: Deployment) -> str:
    stack = deployment.stack
    return table(
        ("what", "name"),
        [
            ("gateway", f"https://{stack.domains.gateway}"),
            ("Langfuse", f"https://{stack.domains.langfuse}"),
            ("Fly app", f"`{stack.fly.app}` ({stack.fly.region}, organisation `{stack.fly.org}`)"),
            ("managed Redis", f"`{stack.redis.name}`, plan {stack.redis.plan}, eviction off"),
            ("ClickHouse", f"`{stack.clickhouse.app}`"),
            (
                "object store",
                f"`{stack.storage.app}` ({stack.storage.provider}), bucket `{stack.storage.bucket}`",
            ),
            ("Postgres", f"schema and role `{stack.postgres.schema}` in the shared database"),
            ("vault", f"`{stack.stack.vault}`"),
            ("alerts go to", stack.stack.operator_email),
        ],
    )


def _success(deployment: Deployment) -> str:
    success = deployment.stack.success
    return table(
        ("metric", "goal, week one"),
        [
            ("cache hit rate", f"> {success.cache_hit_rate:.0%}"),
            ("P95 latency", f"< {success.p95_latency_s:g} s"),
            ("error rate", f"< {success.error_rate:.0%}"),
            ("daily cost", f"< ${success.daily_usd:g}"),
            ("quota violations", f"{success.quota_violations}"),
        ],
    )


def _metrics(deployment: Deployment) -> str:
    from ops.document import dashboard

    rows = [
        (f"`{name}`", metric["type"], ", ".join(metric["labels"]) or "-", metric["help"].removesuffix("."))
        for name, metric in dashboard.listed(deployment.gateway_dir).items()
    ]
    return table(("metric", "type", "labels", "what"), rows)


def _models(deployment: Deployment) -> str:
    models = deployment.stack.models
    roles = {
        **dict.fromkeys(models.chat, "on request"),
        **dict.fromkeys(models.embed, "embeddings"),
        models.default: "default",
        models.fallback: f"fallback, and over {models.escalate_over_input_tokens} input tokens",
        models.embedding: "embeddings, and the semantic cache",
    }
    return table(
        ("model", "role", "USD per million tokens, in / out"),
        [
            (f"`{name}`", role, f"{models.prices[name].input:g} / {models.prices[name].output:g}")
            for name, role in roles.items()
        ],
    )


def _steps(deployment: Deployment) -> str:
    rows: list[tuple[object, ...]] = [
        (step.number, f"`inv {step.key}`", step.name, step.purpose)
        for phase in deployment.phases()
        for step in phase.steps
    ]
    return table(("step", "command", "what", "how"), rows)


def _secrets(deployment: Deployment) -> str:
    from ops.vault import report

    return report.schedule_table(deployment.stack)


def _cutover_settings(deployment: Deployment) -> str:
    from ops.cutover import guide

    return guide.settings(deployment.stack)


def _cutover_details(deployment: Deployment) -> str:
    from ops.cutover import guide

    return guide.details(deployment.stack)


def _cutover_back(deployment: Deployment) -> str:
    from ops.cutover import guide

    return guide.back(deployment.stack)


def _errors(deployment: Deployment) -> str:
    from ops.document.explain import catalogue

    return table(("code", "meaning"), [(f"`{code}`", entry["title"]) for code, entry in catalogue().items()])


def _alerts(deployment: Deployment) -> str:
    from ops.document import alerts

    return alerts.sections(deployment.gateway_dir)


def _langfuse_features(deployment: Deployment) -> str:
    from ops.render.langfuse_features import FEATURES

    on = deployment.stack.langfuse.also_on
    rows = [(each.what, f'`"{name}"`', "on" if name in on else "off") for name, each in FEATURES.items()]
    return table(("what Langfuse offers", "in `also_on`", "here"), rows)


def _langfuse_widgets(deployment: Deployment) -> str:
    from ops.render import langfuse_widgets

    stack = deployment.stack
    everywhere = langfuse_widgets.counted(stack)
    rows = [
        (
            each.title,
            f"`{each.chart}`",
            ", ".join(f"{aggregation} of `{measure}`" for measure, aggregation in each.metrics),
            ", ".join(f"`{field}`" for field in each.by) or "-",
            "; ".join(_condition(one) for one in each.filters if one not in everywhere) or "-",
        )
        for each in langfuse_widgets.wanted(stack)
    ]
    head = f"On every one: {'; '.join(map(_condition, everywhere))}.\n\n"
    return head + table(("widget", "chart", "shows", "by", "where"), rows)


def _condition(one: Mapping[str, Any]) -> str:
    value = one["value"] if isinstance(one["value"], list) else [one["value"]]
    named = f"{one['column']} `{one['key']}`" if "key" in one else one["column"]
    return f"{named} {one['operator']} {', '.join(f'`{each}`' for each in value)}"


def _alert_rules(deployment: Deployment) -> str:
    from ops.document import alerts

    return alerts.thresholds(deployment.stack, deployment.gateway_dir)


BLOCKS: dict[str, Callable[[Deployment], str]] = {
    "teams": _teams,
    "names": _names,
    "success": _success,
    "metrics": _metrics,
    "models": _models,
    "steps": _steps,
    "secrets": _secrets,
    "errors": _errors,
    "alerts": _alerts,
    "alert-rules": _alert_rules,
    "langfuse-features": _langfuse_features,
    "langfuse-widgets": _langfuse_widgets,
    "cutover-settings": _cutover_settings,
    "cutover-details": _cutover_details,
    "cutover-back": _cutover_back,
}
