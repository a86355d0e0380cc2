"""LiteLLM's own server, the yardstick: an environment of its own, its Redis cache, its Langfuse callback.

Set as its maker advises for production: the Redis by host, port and password (by its URL it is slower), logging of
errors only, one worker per core.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import yaml

from tests.gateway.valkey_server import ValkeyServer, free_port
from tests.integration.gateway.harness import ROOT, configuration

STOCK = ROOT / ".venv-stock" / "bin" / "litellm"
READY_S = 240.0


class ProviderAddress(Protocol):
    """Where a provider is, and the key it takes."""

    @property
    def base_url(self) -> str: ...
    @property
    def key(self) -> str: ...


@contextlib.contextmanager
def stock(
    valkey: ValkeyServer,
    provider: ProviderAddress,
    langfuse_url: str | None,
    *,
    cached: bool = True,
    key: str | None = None,
) -> Iterator[tuple[str, str, int]]:
    """LiteLLM's own server, ready; yields its URL, its key and its process id.

    Args:
        langfuse_url: where its callback sends traces; None: it has no callback.
        cached: whether it keeps answers in the Redis.
        key: its master key, else a new one.
    """
    if not STOCK.exists():
        raise SystemExit("the yardstick's environment is missing: ./inv dev.bench NAME makes it")
    port, key = free_port(), key or f"sk-{secrets.token_hex(16)}"
    settings: dict[str, Any] = {"telemetry": False, "set_verbose": False}
    if cached:
        redis = {"type": "redis", "host": "127.0.0.1", "port": valkey.port, "password": "os.environ/CACHE_PASSWORD"}
        settings |= {"cache": True, "cache_params": {**redis, "ttl": 86400}}
    if langfuse_url:
        settings["callbacks"] = ["langfuse_otel"]
    config = {
        "model_list": configuration()["model_list"],
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "litellm_settings": settings,
        "general_settings": {"master_key": key},
    }
    with tempfile.TemporaryDirectory(prefix="stock-") as folder:
        path = Path(folder) / "config.yaml"
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config))
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            "LITELLM_MODE": "PRODUCTION",
            "CACHE_PASSWORD": valkey.password,
            "UPSTREAM_OPENAI_BASE_URL": provider.base_url,
            "UPSTREAM_OPENAI_API_KEY": provider.key,
        }
        if langfuse_url:
            environment |= {
                "LANGFUSE_HOST": langfuse_url,
                "LANGFUSE_OTEL_HOST": langfuse_url,
                "LANGFUSE_PUBLIC_KEY": f"pk-lf-{secrets.token_hex(8)}",
                "LANGFUSE_SECRET_KEY": f"sk-lf-{secrets.token_hex(8)}",
            }
        command = [str(STOCK), "--config", str(path)]
        command += ["--host", "127.0.0.1", "--port", str(port)]
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
            try:
                wait(f"http://127.0.0.1:{port}/health/liveliness", process, Path(folder) / "log")
                yield f"http://127.0.0.1:{port}", key, process.pid
            finally:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=20)
                process.kill()
                process.wait(timeout=5)


def wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until a server answers 200, asked every 20 ms; raises RuntimeError with its last words if it never does."""
    deadline = time.monotonic() + READY_S
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(url, timeout=5).status_code == 200:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"LiteLLM's server did not come up:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)
