"""Starting, being ready, stopping."""

from __future__ import annotations

import contextlib
import copy
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.gateway.valkey_server import ValkeyServer
from tests.integration.gateway.harness import GatewayProcess, Provider, Sink, configuration, wait_until


def started(valkey: ValkeyServer, provider: Provider, **options: Any) -> GatewayProcess:
    return GatewayProcess(redis_url=valkey.url, provider_url=provider.base_url, provider_key=provider.key, **options)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_finishes_what_is_under_way_and_sends_its_traces(
    shared_valkey: ValkeyServer, provider: Provider, word: str, signum: signal.Signals
) -> None:
    provider.fault(contains=word, delay_s=1.0)
    answers: list[httpx.Response] = []
    with Sink() as sink, started(shared_valkey, provider, langfuse_url=sink.url) as gateway:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": word}]}
        with gateway.client("admin") as client:
            asking = threading.Thread(target=lambda: answers.append(client.post("/v1/chat/completions", json=body)))
            asking.start()
            wait_until(provider.requests)
            assert gateway.stop(signum) == 0
            asking.join()
        assert answers[0].status_code == 200
        assert [word in str(span.get("langfuse.observation.input")) for span in sink.spans()] == [True]


def test_a_stop_whose_time_runs_out_books_and_traces_what_it_breaks_off(provider: Provider, word: str) -> None:
    provider.fault(contains=f"{word} stream", chunk_delay_s=0.3)
    provider.fault(contains=f"{word} whole", delay_s=2.5)
    config = copy.deepcopy(configuration())
    for name in ("admin", "probe"):
        config["gateway"]["teams"][name]["semantic"] = "off"
    with ValkeyServer() as valkey, Sink() as sink:
        gateway = started(valkey, provider, langfuse_url=sink.url, config=config)
        gateway.environment["GATEWAY_DRAIN_S"] = "1"
        with gateway, gateway.client("admin") as streaming, gateway.client("probe") as waiting:

            def wait_in_vain() -> None:
                body = {"messages": [{"role": "user", "content": f"{word} whole"}]}
                with contextlib.suppress(httpx.TransportError):
                    failed.append(waiting.post("/v1/chat/completions", json=body).status_code)

            failed: list[int] = []
            asking = threading.Thread(target=wait_in_vain)
            asking.start()
            wait_until(lambda: len(provider.requests()) == 1)
            body = {"messages": [{"role": "user", "content": f"{word} stream"}], "stream": True}
            with streaming.stream("POST", "/v1/chat/completions", json=body) as answer:
                pieces = answer.iter_bytes()
                next(pieces)
                began = time.monotonic()
                stopping = threading.Thread(target=gateway.stop)
                stopping.start()
                said = b""
                with contextlib.suppress(httpx.TransportError):
                    for piece in pieces:
                        said += piece
                assert b"[DONE]" not in said
            stopping.join()
            asking.join()
            assert 0.9 < time.monotonic() - began < 8
            assert "for a reason of our own" not in gateway.log()
        assert 200 not in failed
        with valkey.client() as redis:
            open_ = {team: redis.zcard(f"gw:limits:{{{team}}}:open") for team in ("admin", "probe")}
        # The provider bills what it has said; of an answer that never came nobody knows, so its estimate stays.
        assert open_ == {"admin": 0, "probe": 1}
        levels = [span["langfuse.observation.level"] for span in sink.spans()]
        assert levels == ["ERROR", "ERROR"]


def test_it_answers_over_ipv4_and_ipv6(gateway: GatewayProcess) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    for host in ("127.0.0.1", "[::1]"):
        assert httpx.get(f"http://{host}:{gateway.port}/health/liveliness").status_code == 200


def test_it_lives_but_is_not_ready_without_redis_and_gets_ready_when_redis_comes(provider: Provider) -> None:
    valkey = ValkeyServer()
    gateway = started(valkey, provider)
    try:
        began = time.monotonic()
        gateway.start(ready=False)
        took_s = time.monotonic() - began
        with httpx.Client(base_url=gateway.url, timeout=5) as client:
            # Whatever takes seconds at a start is done before the first connection is taken.
            longest = max(client.get("/health/liveliness").elapsed.total_seconds() for _ in range(200))
            assert longest < took_s / 4
            said = client.get("/health/readiness")
            assert (said.status_code, said.json()) == (503, {"status": "not ready"})
            with gateway.operator() as operator:
                assert operator.get("/health/readiness").json()["reasons"]
            valkey.start()
            wait_until(lambda: client.get("/health/readiness").status_code == 200, timeout_s=60)
    finally:
        gateway.stop()
        valkey.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ADMIN_KEY": None}, "ADMIN_KEY is not set"),
        ({"ADMIN_KEY": "short"}, "ADMIN_KEY is shorter"),
        ({"PROBE_KEY": "same"}, "hold the same key"),
        ({"GATEWAY_REDIS_URL": "http://x"}, "GATEWAY_REDIS_URL"),
        ({"UPSTREAM_OPENAI_API_KEY": None}, "UPSTREAM_OPENAI_API_KEY"),
        ({"LANGFUSE_HOST": "http://x"}, "LANGFUSE_PUBLIC_KEY"),
        ({"GATEWAY_PORT": "http"}, "PORT"),
        ({"GATEWAY_LOG_LEVEL": "loud"}, "GATEWAY_LOG_LEVEL"),
    ],
)
def test_a_wrong_environment_is_named_in_one_line_without_the_secret(
    gateway: GatewayProcess, change: dict[str, str | None], words: str
) -> None:
    environment = dict(gateway.environment)
    for name in ("LANGFUSE_HOST", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"):
        environment.pop(name, None)
    for name, value in change.items():
        if value is None:
            environment.pop(name)
        else:
            environment[name] = environment["ADMIN_KEY"] if value == "same" else value
    done = subprocess.run(gateway.command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not [value for value in gateway.keys.values() if value in done.stderr]


def test_a_port_in_use_is_named(gateway: GatewayProcess) -> None:
    done = subprocess.run(gateway.command, env=gateway.environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"cannot listen on port {gateway.port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_key_is_in_the_log_or_in_argv(gateway: GatewayProcess) -> None:
    assert gateway.process is not None
    argv = Path(f"/proc/{gateway.process.pid}/cmdline")
    shown = gateway.log() + (argv.read_text() if argv.exists() else "")
    secrets = [*gateway.keys.values(), gateway.master_key, gateway.environment["UPSTREAM_OPENAI_API_KEY"]]
    assert not [secret for secret in secrets if secret in shown]
    assert os.environ.get("OPENAI_API_KEY") is None or "OPENAI_API_KEY" not in gateway.environment
