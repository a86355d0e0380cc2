"""Reading an OTLP trace export: protobuf or JSON, plain or gzip, into plain spans.

The wire format is OpenTelemetry's ExportTraceServiceRequest. Its JSON form writes ids in hexadecimal where
protobuf's own JSON mapping writes base64 (OTLP specification, "JSON Protobuf Encoding").
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PROTOBUF = "application/x-protobuf"
JSON = "application/json"


class BadBatch(ValueError):
    """A batch Langfuse answers with 400; nothing of it is stored."""


@dataclass(frozen=True)
class Span:
    """One span with what its resource and scope say about it; times are nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_ns: int
    end_ns: int | None
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    scope_name: str
    scope_version: str
    failed: bool
    status_message: str | None


def read(body: bytes, content_type: str, content_encoding: str) -> list[Span]:
    """The spans of one export request. Raises BadBatch for what cannot be read."""
    if content_encoding == "gzip":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as exc:
            raise BadBatch("Failed to decompress gzip data") from exc
    media = content_type.partition(";")[0].strip().lower()
    if media == PROTOBUF:
        return list(_spans(_from_protobuf(body), base64_ids=True))
    if media == JSON:
        try:
            data = json.loads(body)
        except ValueError as exc:
            raise BadBatch("Failed to parse OTel JSON Trace") from exc
        if not isinstance(data, dict) or not isinstance(data.get("resourceSpans"), list):
            raise BadBatch("Failed to parse OTel JSON Trace")
        return list(_spans(data, base64_ids=False))
    raise BadBatch("Invalid content type")


def _from_protobuf(body: bytes) -> Mapping[str, Any]:
    # Imported here: a stand-in that was sent no trace yet starts without them.
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        data: dict[str, Any] = MessageToDict(ExportTraceServiceRequest.FromString(body))
    except DecodeError as exc:
        raise BadBatch("Failed to parse OTel Protobuf Trace") from exc
    return data


def _spans(data: Mapping[str, Any], *, base64_ids: bool) -> Iterator[Span]:
    def identity(raw: object, octets: int) -> str:
        try:
            text = str(raw or "")
            made = base64.b64decode(text, validate=True).hex() if base64_ids else bytes.fromhex(text).hex()
        except (binascii.Error, ValueError) as exc:
            raise BadBatch("Invalid trace or span id") from exc
        if made and len(made) != 2 * octets:
            raise BadBatch("Invalid trace or span id")
        return made

    for resource_spans in data.get("resourceSpans", []):
        resource = _attributes((resource_spans.get("resource") or {}).get("attributes"))
        for scope_spans in resource_spans.get("scopeSpans", []):
            scope = scope_spans.get("scope") or {}
            for span in scope_spans.get("spans", []):
                trace_id = identity(span.get("traceId"), 16)
                span_id = identity(span.get("spanId"), 8)
                if not trace_id or not span_id:
                    raise BadBatch("Span without trace or span id")
                status = span.get("status") or {}
                end_ns = int(span.get("endTimeUnixNano") or 0)
                yield Span(
                    trace_id=trace_id,
                    span_id=span_id,
                    parent_id=identity(span.get("parentSpanId"), 8) or None,
                    name=str(span.get("name", "")),
                    start_ns=int(span.get("startTimeUnixNano") or 0),
                    end_ns=end_ns or None,
                    attributes=_attributes(span.get("attributes")),
                    resource=resource,
                    scope_name=str(scope.get("name", "")),
                    scope_version=str(scope.get("version", "")),
                    failed=status.get("code") in (2, "STATUS_CODE_ERROR"),
                    status_message=status.get("message"),
                )


def _attributes(raw: object) -> dict[str, Any]:
    items = raw if isinstance(raw, list) else []
    return {str(item["key"]): _value(item.get("value") or {}) for item in items}


def _value(raw: Mapping[str, Any]) -> Any:
    for kind, value in raw.items():
        if kind == "intValue":
            return int(value)
        if kind == "arrayValue":
            return [_value(item) for item in value.get("values", [])]
        if kind == "kvlistValue":
            return _attributes(value.get("values"))
        return value
    return None
