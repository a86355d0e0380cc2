"""Real stand-in servers as child processes on free ports, and traces to send them."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ROOT = Path(__file__).parents[2]
READY_S = 30
OTLP = "/api/public/otel/v1/traces"


@dataclass
class Server:
    """A running stand-in: where it listens, what it wrote to standard error."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    url: str = ""
    ready: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())
            if " ready on " in line:
                self.url = line.split(" ready on ")[1].strip()
                self.ready.set()
        self.ready.set()

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(10)
        self.thread.join(10)
        return code

    thread: threading.Thread = field(init=False)


Start = Callable[..., Server]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a stand-in by module name; all are ended with the module's last test."""
    running: list[Server] = []

    def run(name: str, *options: str, env: dict[str, str], state: Path | None = None, wait: bool = True) -> Server:
        state = state or tmp_path_factory.mktemp(name)
        command = [sys.executable, "-m", f"ops.standins.{name}", "--port", "0", "--state", str(state), *options]
        plain = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        process = subprocess.Popen(
            command, cwd=ROOT, env={**plain, **env}, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )
        server = Server(process)
        server.thread = threading.Thread(target=server.watch, daemon=True)
        server.thread.start()
        running.append(server)
        if wait:
            assert server.ready.wait(READY_S), "not ready in time"
            assert server.url, "\n".join(server.lines)
        return server

    yield run
    for server in running:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(10)
        server.thread.join(10)


@pytest.fixture(scope="module")
def openai_key() -> str:
    return f"sk-{secrets.token_hex(16)}"


@pytest.fixture(scope="module")
def openai_server(start: Start, openai_key: str) -> Server:
    return start("openai", env={"OPENAI_STANDIN_KEY": f"another-key,{openai_key}"})


@pytest.fixture
def openai(openai_server: Server, openai_key: str) -> Iterator[httpx.Client]:
    """A client of a stand-in that has forgotten all earlier tests."""
    headers = {"authorization": f"Bearer {openai_key}"}
    with httpx.Client(base_url=openai_server.url, headers=headers, timeout=20) as client:
        client.post("/_control/reset").raise_for_status()
        yield client


@pytest.fixture(scope="module")
def langfuse_env() -> dict[str, str]:
    """An environment as Langfuse itself would get it, with secrets of its own."""
    return {
        "LANGFUSE_PUBLIC_KEY": f"pk-lf-{secrets.token_hex(8)}",
        "LANGFUSE_SECRET_KEY": f"sk-lf-{secrets.token_hex(16)}",
        "LANGFUSE_INIT_USER_EMAIL": "ops@example.com",
        "LANGFUSE_INIT_USER_PASSWORD": secrets.token_hex(12),
        "LANGFUSE_INIT_ORG_ID": "the-org",
        "LANGFUSE_INIT_PROJECT_ID": "the-project",
        "NEXTAUTH_URL": "https://langfuse.example.com",
        "AUTH_DISABLE_SIGNUP": "true",
        "NEXTAUTH_SECRET": secrets.token_hex(32),
    }


@pytest.fixture(scope="module")
def langfuse_server(start: Start, langfuse_env: dict[str, str]) -> Server:
    return start("langfuse", "--visibility-delay", "0", env=langfuse_env)


@pytest.fixture
def langfuse(langfuse_server: Server, langfuse_env: dict[str, str]) -> Iterator[httpx.Client]:
    """A client with the project's keys, of a stand-in that has forgotten all earlier tests."""
    auth = langfuse_env["LANGFUSE_PUBLIC_KEY"], langfuse_env["LANGFUSE_SECRET_KEY"]
    with httpx.Client(base_url=langfuse_server.url, auth=auth, timeout=20) as client:
        client.post("/_control/reset").raise_for_status()
        client.post("/_control/switches", json={"drop": False, "visibility_delay_s": 0, "otlp_status": None})
        yield client


def attribute(key: str, value: Any) -> dict[str, Any]:
    """One OTLP attribute in its JSON form."""
    if isinstance(value, bool):
        return {"key": key, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": key, "value": {"intValue": str(value)}}
    if isinstance(value, float):
        return {"key": key, "value": {"doubleValue": value}}
    if isinstance(value, list):
        values = [attribute("", item)["value"] for item in value]
        return {"key": key, "value": {"arrayValue": {"values": values}}}
    return {"key": key, "value": {"stringValue": value}}


def batch(*spans: dict[str, Any], scope: str = "langfuse-sdk") -> dict[str, Any]:
    """An OTLP export request in its JSON form."""
    return {"resourceSpans": [{"scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}]}]}


def generation(
    *,
    start_s: float | None = None,
    took_s: float = 0.5,
    cache_hit: bool | None = False,
    level: str = "DEFAULT",
    cost: float = 0.25,
    model: str = "gpt-4o-mini",
    trace_id: str | None = None,
    **attributes: Any,
) -> dict[str, Any]:
    """One span as LiteLLM's ``langfuse`` callback sends it."""
    begin = int((time.time() - 10 if start_s is None else start_s) * 1e9)
    known: dict[str, Any] = {
        "langfuse.observation.type": "generation",
        "langfuse.observation.level": level,
        "langfuse.observation.model.name": model,
        "langfuse.observation.usage_details": json.dumps({"input": 7, "output": 3, "total": 10}),
        "langfuse.observation.cost_details": json.dumps({"total": cost}),
        "langfuse.observation.input": json.dumps([{"role": "user", "content": "Hello"}]),
        "langfuse.trace.name": "litellm-acompletion",
        "langfuse.trace.tags": ["rehearsal"],
        "user.id": "customer-1",
        "session.id": "session-1",
        **({} if cache_hit is None else {"langfuse.observation.metadata.cache_hit": cache_hit}),
        **attributes,
    }
    return {
        "traceId": trace_id or secrets.token_hex(16),
        "spanId": secrets.token_hex(8),
        "name": "litellm:prod_customer",
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(begin + int(took_s * 1e9)),
        "attributes": [attribute(key, value) for key, value in known.items()],
        "status": {"code": 2 if level == "ERROR" else 1},
    }


def as_protobuf(data: dict[str, Any]) -> bytes:
    """The same export request as a protobuf message."""
    from google.protobuf.json_format import ParseDict

    message = ExportTraceServiceRequest()
    ParseDict(_with_bytes(data), message)
    return message.SerializeToString()


def _with_bytes(data: dict[str, Any]) -> dict[str, Any]:
    """Ids in base64, as protobuf's JSON mapping wants them."""
    import base64

    copy: dict[str, Any] = json.loads(json.dumps(data))
    for resource in copy["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return copy


@dataclass(frozen=True)
class Traces:
    """Makes and sends traces."""

    client: httpx.Client
    generation: Callable[..., dict[str, Any]] = generation
    batch: Callable[..., dict[str, Any]] = batch
    as_protobuf: Callable[..., bytes] = as_protobuf
    path: str = OTLP

    def send(self, *spans: dict[str, Any], scope: str = "langfuse-sdk") -> httpx.Response:
        """Send spans as LiteLLM does: protobuf, not compressed."""
        headers = {"content-type": "application/x-protobuf", "x-langfuse-ingestion-version": "4"}
        return self.client.post(OTLP, content=as_protobuf(batch(*spans, scope=scope)), headers=headers)

    def read(self, **query: Any) -> list[dict[str, Any]]:
        """The observations that fit, with every field."""
        groups = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context"
        answer = self.client.get("/api/public/v2/observations", params={"fields": groups, **query})
        answer.raise_for_status()
        data: list[dict[str, Any]] = answer.json()["data"]
        return data


@pytest.fixture
def traces(langfuse: httpx.Client) -> Traces:
    return Traces(langfuse)
