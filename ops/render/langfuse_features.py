"""What Langfuse's interface offers beyond traces, and the queue consumers of its worker that each of it needs.

Each idle consumer costs 24 Redis commands a minute, so those that nobody asked for are off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ops.description.stack import LangfuseFeature

ALWAYS = (
    "OTEL_INGESTION", "INGESTION", "EVENT_PROPAGATION", "TRACE_DELETE", "PROJECT_DELETE", "SCORE_DELETE",
    "DATA_RETENTION",
)  # fmt: skip
"""Consumers that traces need: QUEUE_CONSUMER_<NAME>_QUEUE_IS_ENABLED of Langfuse 4.16.0, worker/src/env.ts."""
NEVER = ("BATCH_EXPORT", "NOTIFICATION", "V4_LEGACY_API_USAGE", "OTEL_INGESTION_SECONDARY", "INGESTION_SECONDARY")
"""Consumers that nothing here can use: an export's file is handed out by the object store, which is private,
and notifications are mails."""


@dataclass(frozen=True)
class Feature:
    """One thing that Langfuse offers.

    Attributes:
        what: it is, in the words of its interface.
        consumers: that it needs.
    """

    what: str
    consumers: tuple[str, ...]


FEATURES: Mapping[LangfuseFeature, Feature] = {
    "evaluations": Feature(
        "LLM-as-a-judge and code evaluators on new traces; they want an LLM connection too, and what they ask is paid",
        ("CREATE_EVAL", "EVAL_EXECUTION", "EVAL_EXECUTION_SECONDARY", "CODE_EVAL_EXECUTION", "TRACE_UPSERT"),
    ),
    "experiments": Feature("Prompt experiments on datasets", ("EXPERIMENT_CREATE", "DATASET_RUN_ITEM_UPSERT")),
    "datasets": Feature("Deleting datasets, and runs of them", ("DATASET_DELETE",)),
    "bulk-actions": Feature("Actions on all selected rows: deleting, adding to a dataset", ("BATCH_ACTION",)),
    "webhooks": Feature("Automations: webhooks on changes of prompts", ("WEBHOOK", "ENTITY_CHANGE")),
    "monitors": Feature("Monitors of metrics, beside the watch of this stack", ("MONITOR",)),
    "assistant": Feature("The assistant in the interface; it wants an LLM connection too", ("IN_APP_AGENT_RUN",)),
    "posthog": Feature("Integration: PostHog", ("POSTHOG_INTEGRATION",)),
    "mixpanel": Feature("Integration: Mixpanel", ("MIXPANEL_INTEGRATION",)),
    "blob-storage": Feature("Integration: scheduled export to a bucket of yours", ("BLOB_STORAGE_INTEGRATION",)),
}


def consumers(also_on: tuple[LangfuseFeature, ...]) -> dict[str, bool]:
    """Every consumer by name, and whether it runs."""
    asked = {name for feature in also_on for name in FEATURES[feature].consumers}
    off = [name for feature in FEATURES.values() for name in feature.consumers] + list(NEVER)
    return {**dict.fromkeys(ALWAYS, True), **{name: name in asked for name in off}}
