"""Phase 4: Testing. The six tests of the runbook, against the deployed target."""

from __future__ import annotations

from ops.phases import late
from ops.runbook.step import Step
from ops.world import World

STEPS: tuple[Step[World], ...] = (
    Step(
        "4.1",
        "test.smoke",
        "Smoke test",
        "plain, streamed, tools, structured, Responses, embeddings; strangers and other paths are refused",
        late.look("ops.checks.smoke:smoke"),
        needs=("deploy.domains", "deploy.pooled"),
        check=True,
    ),
    Step(
        "4.2",
        "test.cache",
        "Exact cache test",
        "the second and third identical request are answered from the cache within 100 ms",
        late.look("ops.checks.gateway:exact_cache"),
        needs=("test.smoke",),
        check=True,
    ),
    Step(
        "4.3",
        "test.semantic",
        "Semantic cache test",
        "the same question in other words is answered from the cache",
        late.look("ops.checks.gateway:semantic_cache"),
        needs=("test.cache",),
        check=True,
    ),
    Step(
        "4.4",
        "test.quota",
        "Quota test",
        "one request more than the limit within a minute is refused with 429, with a probe key",
        late.look("ops.checks.gateway:quota"),
        needs=("test.smoke",),
        # Last: it uses up a key that other tests may share.
        after=("test.semantic", "test.failover", "test.langfuse"),
        check=True,
    ),
    Step(
        "4.5",
        "test.failover",
        "Failover test",
        "a question over the token threshold is answered by the larger model",
        late.look("ops.checks.gateway:escalation"),
        needs=("test.smoke",),
        check=True,
    ),
    Step(
        "4.6",
        "test.langfuse",
        "Langfuse UI test",
        "login works, and the tests' traces are there with their costs and cache hits",
        late.look("ops.checks.langfuse:ui"),
        needs=("test.cache", "deploy.accounts"),
        check=True,
    ),
)
