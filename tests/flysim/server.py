"""The HTTP server: one port for all three APIs, a log of every call, faults, latency, and the drift helpers."""

from __future__ import annotations

import json
import secrets
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.flysim.certificates import Certificates, Dns
from tests.flysim.drift import Drift
from tests.flysim.faults import Call, Fault, Problem
from tests.flysim.graphql_api import GraphQL
from tests.flysim.graphql_mutations import Mutations
from tests.flysim.graphql_values import Values
from tests.flysim.machines import Behaviour, Machines
from tests.flysim.machines_api import MachinesApi, Request
from tests.flysim.rest_api import RestApi
from tests.flysim.state import Json, State

# POSTs that change nothing, or nothing that outlives the call: placement queries, remote commands.
_READING_POSTS = ("/v1/platform/placements", "/exec")


class FlySim:
    """A simulated Fly control plane on a loopback port.

    Attributes:
        calls: every request so far, in order of arrival, bodies included.
        state: what the platform remembers.
        behaviour, dns: how machines and DNS behave; change at will.
        token: the one token it accepts (generated).
        unknown: GraphQL fields that were asked for and are not simulated.
    """

    def __init__(self, port: int = 0, *, latency_ms: float = 0.0, org: str = "personal", token: str = "") -> None:
        self.lock = threading.Condition(threading.RLock())
        self.state = State(org)
        self.behaviour = Behaviour()
        self.dns = Dns()
        self.email = "operator@example.com"
        self.token = token or f"fo1_{secrets.token_urlsafe(32)}"
        self.latency_s = latency_ms / 1000
        self.calls: list[Call] = []
        self.faults: list[Fault] = []
        self._mutations = 0
        self._closing = threading.Event()
        self.machines = Machines(self.state, self.behaviour)
        values = Values(self.state, self.machines, self.email)
        self.graphql = GraphQL(self.state, values, Mutations(self.state, values))
        self.v1 = MachinesApi(self.state, self.machines, Certificates(self.dns), self.lock)
        self.rest = RestApi(self.state, values)
        self.drift = Drift(self)
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.sim = self
        self._thread: threading.Thread | None = None

    def start(self) -> FlySim:
        """Serve in a thread; returns itself."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def serve_forever(self) -> None:
        """Serve in this thread until `stop` is called from another."""
        self._server.serve_forever(0.1)

    def stop(self) -> None:
        """Stop serving and let every held connection go."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        if self._thread is not None:
            self._thread.join(5)

    def __enter__(self) -> FlySim:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Base URL of all three APIs."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """What a flyctl needs in its environment to talk to this server and to nobody else."""
        dead = "http://127.0.0.1:9"
        return {
            "FLY_API_BASE_URL": self.url,
            "FLY_FLAPS_BASE_URL": self.url,
            "FLY_UIEX_BASE_URL": self.url,
            "FLY_API_TOKEN": self.token,
            "FLY_TRACE_COLLECTOR_URL": "127.0.0.1",
            "HTTPS_PROXY": dead,
            "HTTP_PROXY": dead,
            "NO_PROXY": "127.0.0.1,localhost",
        }

    @property
    def mutations(self) -> int:
        """Mutating calls so far."""
        return self._mutations

    @property
    def unknown(self) -> set[str]:
        """GraphQL fields nobody taught the simulator."""
        return self.graphql.unknown

    def mutating_calls(self) -> list[Call]:
        """The calls that could change something, in order."""
        with self.lock:
            return [call for call in self.calls if call.mutating]

    def forget_calls(self) -> None:
        """Start counting anew."""
        with self.lock:
            self.calls.clear()
            self._mutations = 0

    def fail(self, fault: Fault) -> Fault:
        """Arm a fault; `nth` counts mutating calls from now on."""
        with self.lock:
            fault.from_mutation = self._mutations
            self.faults.append(fault)
        return fault

    def heal(self) -> None:
        """Disarm every fault."""
        with self.lock:
            self.faults.clear()

    def snapshot(self) -> Json:
        """The whole state, JSON-serialisable."""
        with self.lock:
            return self.state.snapshot()

    def restore(self, saved: Json) -> None:
        """Go back to a snapshot."""
        with self.lock:
            self.state.restore(saved)
            self.lock.notify_all()

    def handle(self, method: str, target: str, headers: Any, raw: bytes) -> tuple[int, Any] | None:
        """One request: (status, body), or None to cut the connection."""
        started = time.monotonic()
        if self.latency_s:
            self._closing.wait(self.latency_s)
        with self.lock:
            call, fault = self._record(method, target, raw)
            call.started = started
            if fault is not None and fault.kind == "status":
                call.status = fault.status
                call.seconds = time.monotonic() - started
                return fault.status, fault.body
            reply: tuple[int, Any] | None = None
            if fault is None or fault.acted:
                reply = self._dispatch(call, target, headers)
                call.status = reply[0]
                call.error = str(reply[1].get("error", "")) if isinstance(reply[1], dict) else ""
                self.lock.notify_all()
        if fault is not None:
            if fault.kind == "hang":
                self._closing.wait(fault.seconds)
            if fault.callback is not None:
                fault.callback(call)
            call.status = 0
            reply = None
        call.seconds = time.monotonic() - started
        return reply

    def _record(self, method: str, target: str, raw: bytes) -> tuple[Call, Fault | None]:
        path = urlsplit(target).path
        body: Any = None
        if raw:
            try:
                body = json.loads(raw)
            except ValueError:
                body = raw.decode(errors="replace")
        operation, mutating = f"{method} {path}", method != "GET" and not path.endswith(_READING_POSTS)
        if path == "/graphql" and isinstance(body, dict):
            kind, fields = self.graphql.describe(body.get("query", ""))
            operation, mutating = f"{kind} {fields}", kind == "mutation"
        if not path.startswith(("/v1/", "/api/v1/", "/graphql")):
            mutating = False
        if mutating:
            self._mutations += 1
        parts = path.split("/")
        app = parts[parts.index("apps") + 1] if "apps" in parts[:-1] else ""
        call = Call(len(self.calls) + 1, self._mutations if mutating else 0, method, target, operation, body, app)
        self.calls.append(call)
        return call, next((f for f in self.faults if f.strikes(call)), None)

    def _dispatch(self, call: Call, target: str, headers: Any) -> tuple[int, Any]:
        url = urlsplit(target)
        if not url.path.startswith(("/v1/", "/api/v1/", "/graphql")):
            return 404, {"error": "not found"}
        if not self._known(headers.get("Authorization", "")):
            return 401, {"error": "unauthorized", "message": "You must be authenticated to view this."}
        body = call.body if isinstance(call.body, dict) else {}
        if url.path == "/graphql":
            return 200, self.graphql.answer(body.get("query", ""), dict(body.get("variables") or {}))
        api: MachinesApi | RestApi = self.rest if url.path.startswith("/api/") else self.v1
        parts = [unquote(p) for p in url.path.split("/") if p][2 if api is self.rest else 1 :]
        request = Request(call.method, parts, parse_qs(url.query), body, headers.get("fly-machine-lease-nonce", ""))
        try:
            return api.answer(request)
        except Problem as problem:
            return problem.status, problem.body

    def _known(self, header: str) -> bool:
        offered = header.removeprefix("Bearer ").removeprefix("FlyV1 ").strip()
        return secrets.compare_digest(offered.encode(), self.token.encode())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    sim: FlySim

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what some tests are about; anything else is a defect and shows."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        reply = self.server.sim.handle(self.command, self.path, self.headers, self.rfile.read(length))
        if reply is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, body = reply
        payload = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        if body is not None:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: calls are kept in `FlySim.calls`."""
