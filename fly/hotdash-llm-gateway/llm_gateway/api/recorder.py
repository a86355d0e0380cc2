"""The end of every request: metrics and the trace."""

from __future__ import annotations

from ..config import GatewayConfig
from ..health.request_counters import RequestCounters
from ..limits.pricing import Spend, spend
from ..outcome import Outcome
from ..tracing.tracer import Tracer


class Recorder:
    """Counts and traces finished requests. `tracer` is None if the stack has no Langfuse."""

    def __init__(self, config: GatewayConfig, *, counters: RequestCounters, tracer: Tracer | None) -> None:
        self._config, self._counters, self._tracer = config, counters, tracer

    def record(self, outcome: Outcome) -> None:
        """Take note of a finished request; never waits."""
        saved = Spend()
        if outcome.hit and outcome.model:
            saved = spend(self._config.prices[outcome.model], outcome.usage)
        self._counters.count(outcome, saved_nano_usd=saved.nano_usd)
        # Nobody read it, and there may be very many: a frozen team, or a crowd, shall not fill Langfuse.
        if self._tracer is not None and not outcome.turned_away:
            self._tracer.record(outcome)
