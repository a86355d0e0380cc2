"""Sending traces to Langfuse over OTLP, and telling an outage from a trace that Langfuse will never accept."""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from enum import Enum
from typing import Any, Protocol

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from ..environment import LangfuseAccess

log = logging.getLogger(__name__)

PATH = "/api/public/otel/v1/traces"
TIMEOUT_S = 30.0
"""A Langfuse that is slow has often taken what it was slow to confirm: sent again, it would count twice."""
REFUSALS = frozenset({400, 413, 415, 422})
"""What a server says of a body it will never take. A wrong key (401) is mended by an operator."""


class Verdict(Enum):
    """What became of a batch."""

    TAKEN = "taken"
    REFUSED = "refused"  # these very traces; others may be taken
    AWAY = "away"  # the same batch may be taken later


class Exporter(Protocol):
    """Delivers batches."""

    def export(self, batch: Sequence[ReadableSpan]) -> Verdict:
        """Try once; never raises."""
        ...

    def shutdown(self) -> None:
        """Give up what is under way."""
        ...


class _Noting(requests.Session):
    """Remembers what the last request came to, which OpenTelemetry's exporter keeps to itself."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.status = False, 0

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.asked, self.status = True, 0
        response = super().send(request, **options)
        self.status = response.status_code
        return response


class Otlp:
    """The exporter of production: a Langfuse project's OTLP endpoint."""

    def __init__(self, access: LangfuseAccess, timeout_s: float = TIMEOUT_S) -> None:
        pair = base64.b64encode(f"{access.public_key}:{access.secret_key}".encode()).decode()
        for noisy in ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "urllib3.connectionpool"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)  # One line of ours per outage is enough.
        self._session = _Noting()
        self._exporter = OTLPSpanExporter(
            endpoint=access.host.rstrip("/") + PATH,
            headers={
                "Authorization": f"Basic {pair}",
                "x-langfuse-ingestion-version": "4",
                "x-langfuse-public-key": access.public_key,
                "x-langfuse-sdk-name": "llm-gateway",
                "x-langfuse-sdk-version": "1.0.0",
            },
            timeout=timeout_s,
            session=self._session,
        )

    def export(self, batch: Sequence[ReadableSpan]) -> Verdict:
        """Try once; a batch that cannot even be encoded is refused."""
        self._session.asked = False
        try:
            taken = self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception as error:  # The thread that delivers must outlive whatever the network library raises.
            log.debug("traces: %s", type(error).__name__)
            return Verdict.AWAY
        if taken:
            return Verdict.TAKEN
        refused = not self._session.asked or self._session.status in REFUSALS
        return Verdict.REFUSED if refused else Verdict.AWAY

    def shutdown(self) -> None:
        """Give up what is under way."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]
