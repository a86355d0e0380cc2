"""The edge's rules, asked of the real Caddy: both forms of the Caddyfile, with a small server behind it."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from pathlib import Path

import pytest

from ops.description.stack import Stack
from ops.render import RehearsalEdge, caddyfile
from tests.render.support import SECOND_STACK_FILE, stack

CADDY = shutil.which("caddy", path=f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ['PATH']}")
pytestmark = pytest.mark.skipif(CADDY is None, reason="Caddy is not on this machine")
KEY = "key-that-must-not-be-logged"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Behind(http.server.BaseHTTPRequestHandler):
    """Says what it was asked; with ?stream in the path, in five pieces, each after the last was taken."""

    protocol_version = "HTTP/1.1"
    pace = threading.Event()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "stream" in self.path:
            self._stream()
            return
        said = {"path": self.path, "port": self.connection.getsockname()[1], "headers": dict(self.headers)}
        body = json.dumps(said).encode()
        self.send_response(200)
        for name in ("X-Litellm-Model-Id", "Llm_provider-Server", "Server", "X-Gateway-Cache"):
            self.send_header(name, "told")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.wfile.flush()
        self.pace.wait(20)
        self.wfile.write(b"data: last\n\n")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def behind() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Behind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def running(text: str, folder: Path, ready: int) -> Iterator[Path]:
    """Caddy with this Caddyfile, from the moment it takes connections; its own output is in the yielded file."""
    assert CADDY is not None
    file = folder / "Caddyfile"
    file.write_text(text)
    said = folder / "said"
    with said.open("w") as out:
        process = subprocess.Popen(
            [CADDY, "run", "--config", str(file), "--adapter", "caddyfile"],
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            stdout=out,
            stderr=out,
        )
    try:
        for _ in range(200):
            assert process.poll() is None, said.read_text()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", ready)) == 0:
                    break
            time.sleep(0.05)
        yield said
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Edge:
    """A rehearsal's edge and what stands behind it."""

    def __init__(self, described: Stack, folder: Path, gateway_port: int, ui_port: int) -> None:
        self.stack = described
        self.folder = folder
        self.rules = RehearsalEdge(
            http_port=free_port(),
            https_port=free_port(),
            gateway_port=gateway_port,
            ui_port=ui_port,
            storage_dir=folder / "the storage",
            admin_socket=folder / "admin.sock",
            log_file=folder / "edge.log",
            bind=("127.0.0.1",),
        )

    @property
    def authority(self) -> Path:
        return self.rules.storage_dir / "pki" / "authorities" / "local" / "root.crt"

    def await_certificates(self) -> None:
        for host in {self.stack.domains.gateway, self.stack.domains.langfuse}:
            for _ in range(100):
                try:
                    self.connect(host).close()
                    break
                except (OSError, ssl.SSLError):
                    time.sleep(0.1)

    def connect(self, host: str) -> ssl.SSLSocket:
        trust = ssl.create_default_context(cafile=str(self.authority))
        return trust.wrap_socket(
            socket.create_connection(("127.0.0.1", self.rules.https_port), timeout=20), server_hostname=host
        )

    def ask(
        self,
        path: str,
        host: str | None = None,
        *,
        method: str = "GET",
        body: bytes | None = None,
        name: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> HTTPResponse:
        """One request over TLS; `host` is who is spoken to, `name` the Host header where it differs."""
        host = host or self.stack.domains.gateway
        connection = HTTPSConnection(host, timeout=20)
        connection.sock = self.connect(host)
        connection.request(method, path, body=body, headers={"Host": name or host, **(headers or {})})
        return connection.getresponse()


@contextmanager
def rehearsal(described: Stack, folder: Path) -> Iterator[Edge]:
    with behind() as gateway_port, behind() as ui_port:
        edge = Edge(described, folder, gateway_port, ui_port)
        with running(caddyfile(described, edge.rules), folder, edge.rules.https_port):
            edge.await_certificates()
            yield edge


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with rehearsal(stack(), tmp_path_factory.mktemp("edge")) as started:
        yield started


def test_what_is_on_the_list_reaches_the_gateway(edge: Edge) -> None:
    answer = edge.ask("/v1/chat/completions", method="POST", body=b"{}", headers={"Authorization": f"Bearer {KEY}"})
    told = json.loads(answer.read())
    assert told["port"] == edge.rules.gateway_port
    assert told["headers"]["Authorization"] == f"Bearer {KEY}"
    assert told["headers"]["X-Forwarded-Proto"] == "https"


@pytest.mark.parametrize(
    "path",
    ["/", "/gateway/admin/teams", "/metrics", "/key/generate", "/v1/chat/completions/x", "/docs", "/v1/../metrics"],
)
def test_what_is_not_on_the_list_does_not_exist(edge: Edge, path: str) -> None:
    answer = edge.ask(path)
    assert answer.status == 404
    error = json.loads(answer.read())["error"]
    assert error["type"] == "invalid_request_error"
    assert "/v1/chat/completions, /v1/responses, /v1/embeddings" in error["message"]


def test_internal_headers_go_neither_out_nor_in(edge: Edge) -> None:
    answer = edge.ask(
        "/v1/models", headers={"x-litellm-api-key": "1", "llm_provider-a": "1", "X-Forwarded-For": "6.6.6.6"}
    )
    received = {name.lower() for name in json.loads(answer.read())["headers"]}
    sent = {name.lower() for name, _ in answer.getheaders()}
    assert "x-gateway-cache" in sent
    for headers in (sent, received):
        assert not [name for name in headers if name.startswith(("x-litellm-", "llm_provider-"))]
    assert not {"server", "via"} & sent


def test_a_client_cannot_pretend_to_be_somewhere_else(edge: Edge) -> None:
    told = json.loads(edge.ask("/v1/models", headers={"X-Forwarded-For": "6.6.6.6"}).read())
    assert told["headers"]["X-Forwarded-For"] == "127.0.0.1"


def test_a_body_over_the_limit_is_refused(edge: Edge) -> None:
    answer = edge.ask("/v1/chat/completions", method="POST", body=b"x" * 2_100_000)
    assert answer.status == 413
    assert json.loads(answer.read())["error"]["type"] == "edge_error"
    assert answer.headers["x-request-id"].startswith("req_")


def test_langfuses_host_reaches_langfuse(edge: Edge) -> None:
    told = json.loads(edge.ask("/project/x", edge.stack.domains.langfuse).read())
    assert told["port"] == edge.rules.ui_port


def test_a_name_nobody_has_is_misdirected(edge: Edge) -> None:
    answer = edge.ask("/v1/models", name="other.example")
    assert (answer.status, answer.getheader("Server")) == (421, None)


def test_plain_http_is_sent_on_to_https_for_known_names_only(edge: Edge) -> None:
    host = edge.stack.domains.gateway
    for name, status, where in (
        (host, 308, f"https://{host}:{edge.rules.https_port}/v1/models"),
        ("other.example", 421, None),
    ):
        connection = HTTPConnection("127.0.0.1", edge.rules.http_port, timeout=20)
        connection.request("GET", "/v1/models", headers={"Host": name})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Location")) == (status, where)
        connection.close()


def test_a_streamed_answer_is_not_held_back(edge: Edge) -> None:
    Behind.pace.clear()
    answer = edge.ask("/v1/chat/completions?stream", method="POST", body=b"{}")
    # The rest is sent only now: had the edge waited for it, this line would not come.
    assert answer.readline() == b"data: first\n"
    Behind.pace.set()
    assert b"data: last" in answer.read()


def test_neither_access_nor_error_log_holds_a_key(edge: Edge) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "X-Api-Key": KEY, "Cookie": KEY, "X-Litellm-Api-Key": KEY}
    edge.ask(f"/v1/models?api_key={KEY}", headers=headers).read()
    edge.ask(f"/nothing?api_key={KEY}", headers=headers).read()
    broken = Edge(edge.stack, edge.folder / "broken", free_port(), free_port())
    broken.folder.mkdir()
    with running(caddyfile(edge.stack, broken.rules), broken.folder, broken.rules.https_port) as said:
        broken.await_certificates()
        answer = broken.ask(f"/v1/models?api_key={KEY}", headers=headers)
        assert (answer.status, answer.getheader("Retry-After")) == (502, "5")
        assert json.loads(answer.read())["error"]["type"] == "edge_error"
        errors = broken.rules.log_file.read_text() + said.read_text()
    access = edge.rules.log_file.read_text()
    assert '"uri":"/v1/models"' in access
    assert '"level":"error"' in errors
    assert KEY not in access + errors
    assert edge.rules.log_file.stat().st_mode & 0o077 == 0


def test_one_name_for_both_gives_the_gateway_its_paths_and_langfuse_the_rest(tmp_path: Path) -> None:
    with rehearsal(stack(SECOND_STACK_FILE), tmp_path) as one:
        assert json.loads(one.ask("/health/readiness").read())["port"] == one.rules.gateway_port
        assert json.loads(one.ask("/auth/sign-in").read())["port"] == one.rules.ui_port
        assert one.ask("/v1/chat/completions", method="POST", body=b"x" * 600_000).status == 413


def test_on_fly_it_hears_plain_http_and_answers_flys_check(tmp_path: Path) -> None:
    port = free_port()
    described = stack(PORTS__EDGE=str(port))
    with running(caddyfile(described), tmp_path, port) as said:
        for host, path, status in (
            ("172.19.0.1", "/edge/health", 200),
            ("other.example", "/v1/models", 421),
            (described.domains.gateway, "/metrics", 404),
        ):
            connection = HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            assert (answer.status, answer.getheader("Server")) == (status, None)
            connection.close()
        assert "error" not in said.read_text()
