"""A whole gateway for tests: real processes for the gateway, Redis and a stand-in for the provider."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.gateway.valkey_server import ValkeyServer, free_port

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "fly" / "hotdash-llm-gateway"
RUNBOOK_PYTHON = ROOT / ".venv-dev" / "bin" / "python"
SHIPPED_PYTHON = ROOT / ".venv-gateway" / "bin" / "python"
"""Of the environment made from the lock that ships, and from nothing else."""
READY_S = 240.0
TEAM_KEYS = {
    "prod_customer": "PROD_CUSTOMER_KEY",
    "prod_ceo": "PROD_CEO_KEY",
    "prod_background": "PROD_BACKGROUND_KEY",
    "admin": "ADMIN_KEY",
    "probe": "PROBE_KEY",
}


def configuration() -> dict[str, Any]:
    """A configuration like the rendered one, with limits out of the way; tests change what they are about."""

    def model(name: str, timeout: float) -> dict[str, Any]:
        return {
            "model_name": name,
            "litellm_params": {
                "model": f"openai/{name}",
                "api_key": "os.environ/UPSTREAM_OPENAI_API_KEY",
                "api_base": "os.environ/UPSTREAM_OPENAI_BASE_URL",
                "timeout": timeout,
            },
        }

    team = {"rpm": 100_000, "tpm": 1_000_000_000, "daily_usd": 1000, "semantic": "wait"}
    return {
        "model_list": [model("gpt-4o-mini", 3), model("gpt-4o", 3), model("text-embedding-3-large", 3)],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": {"telemetry": False},
        "gateway": {
            "default_model": "gpt-4o-mini",
            "escalation": {"model": "gpt-4o", "over_input_tokens": 2000},
            "fallback": {"gpt-4o-mini": "gpt-4o"},
            "default_max_tokens": 256,
            "prices": {
                "gpt-4o-mini": {"input": 0.15, "output": 0.60},
                "gpt-4o": {"input": 2.50, "output": 10.00},
                "text-embedding-3-large": {"input": 0.13, "output": 0.0},
            },
            "embedding": {"model": "text-embedding-3-large", "dimensions": 256, "timeout_s": 2.0},
            "redis": {
                "url_env": "GATEWAY_REDIS_URL",
                "socket_timeout_s": 0.25,
                "breaker_open_s": 1,
                "unready_after_s": 2,
            },
            "gateways": 1,
            "cache": {
                "bytes_per_team": 33554432,
                "exact": {"ttl_s": 86400},
                "semantic": {"ttl_s": 604800, "candidate_from": 0.5, "judge_model": "gpt-4o-mini"},
            },
            "callbacks": {"langfuse": {"environment": "test"}},
            "teams": {name: {"key_env": env, **team} for name, env in TEAM_KEYS.items()},
            "self_test_team": "probe",
        },
    }


class Provider:
    """The stand-in for OpenAI as a process, and what tests tell it."""

    def __init__(self) -> None:
        self.key = f"sk-{secrets.token_hex(16)}"
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="provider-")

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Provider:
        command = [str(RUNBOOK_PYTHON), "-m", "ops.standins.openai"]
        command += ["--port", str(self.port), "--state", self._folder.name]
        environment = {**_plain_environment(), "OPENAI_STANDIN_KEY": self.key}
        self._log = (Path(self._folder.name) / "log").open("wb")
        self._process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=self._log)
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/_control/",
            timeout=5,
            headers={"Authorization": f"Bearer {self.key}"},
        )
        _until(lambda: _answers(self._http, "counters"), self._process, "the stand-in")
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        _end(self._process)
        self._log.close()
        self._folder.cleanup()

    def reset(self) -> None:
        """Forget counters, faults and replies."""
        self._http.post("reset").raise_for_status()

    def fault(self, **fault: Any) -> None:
        """Misbehave: see the stand-in's `Fault`."""
        self._http.post("faults", json=fault).raise_for_status()

    def heal(self) -> None:
        """Behave again."""
        self._http.delete("faults").raise_for_status()

    def reply(self, **reply: Any) -> None:
        """Answer as told: see the stand-in's `Reply`."""
        self._http.post("replies", json=reply).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """All request bodies since the last reset, as `{"path", "body"}`."""
        said = self._http.get("requests", params={"limit": 0}).raise_for_status().json()
        assert not said["forgotten"], "the stand-in has forgotten requests: its record is too small for this test"
        return list(said["requests"])

    def asked(self, contains: str) -> int:
        """How many of the requests that are still on record contain a text."""
        said = self._http.get("requests", params={"limit": 0, "contains": contains}).raise_for_status().json()
        return len(said["requests"])

    def calls(self, model: str, path: str = "chat/completions") -> int:
        """Calls of a model so far."""
        return int(self.figures(model, path).get("calls", 0))

    def spent_nano_usd(self, prices: Mapping[str, Mapping[str, float]]) -> int:
        """What all calls so far would be billed."""
        total = 0
        for model, paths in self._http.get("counters").json()["models"].items():
            for figures in paths.values():
                total += round(figures["prompt_tokens"] * prices[model]["input"] * 1000)
                total += round(figures["completion_tokens"] * prices[model]["output"] * 1000)
        return total

    def figures(self, model: str, path: str = "chat/completions") -> Mapping[str, Any]:
        """Calls, errors and tokens of a model so far."""
        models = self._http.get("counters").json()["models"]
        found: Mapping[str, Any] = {}
        for name, figures in models.get(model, {}).items():
            if name.endswith(path):
                found = figures
        return found


class GatewayProcess:
    """One gateway as it ships: its start script, its environment, its package; on a configuration of its own.

    `address`: where it listens, as a machine that a name in DNS leads to; all of loopback without it.
    """

    def __init__(
        self,
        *,
        redis_url: str,
        provider_url: str,
        provider_key: str,
        config: Mapping[str, Any] | None = None,
        keys: Mapping[str, str] | None = None,
        langfuse_url: str | None = None,
        address: tuple[str, int] | None = None,
    ) -> None:
        self.host, self.port = address or ("", free_port())
        self.metrics_port = free_port()
        self.keys = dict(keys or {name: secrets.token_urlsafe(24) for name in TEAM_KEYS})
        self.master_key = secrets.token_urlsafe(24)
        self._folder = tempfile.TemporaryDirectory(prefix="gateway-")
        self.home = shipped(Path(self._folder.name), dict(config or configuration()))
        self.log_path = Path(self._folder.name) / "log"
        self.environment = {
            **_plain_environment(),
            "GATEWAY_PYTHON": str(SHIPPED_PYTHON),
            "GATEWAY_REDIS_URL": redis_url,
            "UPSTREAM_OPENAI_BASE_URL": provider_url,
            "UPSTREAM_OPENAI_API_KEY": provider_key,
            "LITELLM_MASTER_KEY": self.master_key,
            "GATEWAY_PORT": str(self.port),
            "GATEWAY_METRICS_PORT": str(self.metrics_port),
            "GATEWAY_DRAIN_S": "10",
            **{TEAM_KEYS[name]: key for name, key in self.keys.items()},
        }
        if self.host:
            self.environment["GATEWAY_HOST"] = self.host
        if langfuse_url:
            self.environment |= {
                "LANGFUSE_HOST": langfuse_url,
                "LANGFUSE_PUBLIC_KEY": f"pk-lf-{secrets.token_hex(8)}",
                "LANGFUSE_SECRET_KEY": f"sk-lf-{secrets.token_hex(8)}",
            }
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def command(self) -> list[str]:
        """What starts it."""
        return ["/bin/sh", str(self.home / "bin" / "start-litellm.sh")]

    @property
    def url(self) -> str:
        return f"http://{self.host or '127.0.0.1'}:{self.port}"

    def start(self, *, ready: bool = True) -> GatewayProcess:
        """Start it and wait until it is ready (or, with `ready=False`, until it lives)."""
        return self.launch().wait(ready=ready)

    def launch(self) -> GatewayProcess:
        """Start it and return at once."""
        self._log = self.log_path.open("ab")
        self.process = subprocess.Popen(self.command, env=self.environment, stdout=self._log, stderr=self._log)
        return self

    def wait(self, *, ready: bool = True) -> GatewayProcess:
        """Wait until it is ready (or, with `ready=False`, until it lives)."""
        assert self.process is not None
        path = "/health/readiness" if ready else "/health/liveliness"
        with httpx.Client(base_url=self.url, timeout=5) as http:
            _until(lambda: _answers(http, path), self.process, "the gateway", self.log_path)
        return self

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and return its exit code."""
        if self.process is None:
            return 0
        code = _end(self.process, signum)
        self._log.close()
        self.process = None
        return code

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def client(self, team: str, **options: Any) -> httpx.Client:
        """A client with a team's key."""
        # Each client is somebody else to the brake on malformed requests, as behind the edge.
        headers = {"Authorization": f"Bearer {self.keys[team]}", "X-Gateway-Client": secrets.token_hex(8)}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, **options)

    def operator(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {self.master_key}"}, timeout=30)

    def __enter__(self) -> GatewayProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop it and delete its files."""
        self.stop()
        self._folder.cleanup()


def shipped(folder: Path, config: dict[str, Any]) -> Path:
    """A folder like the image's: the start script and the package that ship, and a configuration."""
    (folder / "config").mkdir()
    shutil.copytree(PACKAGE / "bin", folder / "bin")
    (folder / "llm_gateway").symlink_to(PACKAGE / "llm_gateway")
    (folder / "config" / "litellm.config.yaml").write_text(yaml.safe_dump(config))
    return folder


class Sink:
    """A server that takes OTLP posts like Langfuse, counts their bytes, and can hang."""

    def __init__(self) -> None:
        sink = self
        self.bodies: list[bytes] = []
        self.hanging = threading.Event()
        self._release = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if sink.hanging.is_set():
                    sink._release.wait(60)
                    return
                sink.bodies.append(body)
                self.send_response(200)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def spans(self) -> list[dict[str, Any]]:
        """All spans received, as dictionaries of their attributes."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        found = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in resource.scope_spans:
                    found += [{a.key: _value(a.value) for a in span.attributes} for span in scope.spans]
        return found

    def __enter__(self) -> Sink:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._release.set()
        self._server.shutdown()
        self._server.server_close()


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind)


@contextlib.contextmanager
def frozen(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stop a process' clock for a while."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def wait_until(condition: Any, timeout_s: float = 10.0) -> None:
    """Wait for a condition; fail if it does not come true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("the condition did not come true in time")
        time.sleep(0.02)


def _plain_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


def _answers(http: httpx.Client, path: str) -> bool:
    try:
        return http.get(path).status_code == 200
    except httpx.HTTPError:
        return False


def _until(condition: Any, process: subprocess.Popen[bytes], what: str, log: Path | None = None) -> None:
    deadline = time.monotonic() + READY_S
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-3000:] if log else ""
            _end(process)
            raise RuntimeError(f"{what} did not come up\n{said}")
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes], signum: signal.Signals = signal.SIGTERM) -> int:
    if process.poll() is None:
        process.send_signal(signum)
    try:
        return process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(timeout=5)


__all__ = ["GatewayProcess", "Provider", "Sink", "ValkeyServer", "configuration", "frozen", "wait_until"]
