"""Bodies that do not come, through the real edge with the Caddyfile that ships, to a real gateway."""

from __future__ import annotations

import json
import re
import secrets
import ssl
from collections.abc import Iterator

import pytest

from ops.render import caddyfile
from tests.gateway.valkey_server import ValkeyServer, free_port
from tests.integration.gateway.harness import PACKAGE, GatewayProcess, configuration
from tests.integration.gateway.outcomes import outcomes
from tests.render.support import stack
from tests.render.test_edge import CADDY, Edge, running

pytestmark = pytest.mark.skipif(CADDY is None, reason="Caddy is not on this machine")
SLOW = 300
BODY_S = 3
"""Of the gateway, in place of what ships, so that the test need not last a minute."""
PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    config = configuration()
    config["gateway"]["body_s"] = BODY_S
    nowhere = f"http://127.0.0.1:{free_port()}/v1"
    with (
        ValkeyServer() as valkey,
        GatewayProcess(
            redis_url=valkey.url, provider_url=nowhere, provider_key=secrets.token_hex(16), config=config
        ) as process,
    ):
        yield process


@pytest.fixture(scope="module")
def edge(gateway: GatewayProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("edge")
    edge = Edge(stack(), folder, gateway.port, free_port())
    with running(caddyfile(edge.stack, edge.rules), folder, edge.rules.https_port):
        edge.await_certificates()
        yield edge


def begin(edge: Edge, key: str, *, promised: int = 1_000_000) -> ssl.SSLSocket:
    """A request whose body begins and does not go on."""
    connection = edge.connect(edge.stack.domains.gateway)
    head = f"POST {PATH} HTTP/1.1\r\nHost: {edge.stack.domains.gateway}\r\nAuthorization: Bearer {key}\r\n"
    connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: {promised}\r\n\r\n{{".encode())
    return connection


def answer(connection: ssl.SSLSocket, timeout_s: float) -> bytes:
    """All that comes until the other side closes, or the time has passed."""
    connection.settimeout(timeout_s)
    said = b""
    try:
        while piece := connection.recv(65536):
            said += piece
            if b"\r\n\r\n" in said and said.rstrip().endswith(b"}"):
                break
    except (TimeoutError, OSError):
        return said
    return said


@pytest.mark.parametrize("promised", [10, 1000, 200_000, 1_000_000])
def test_g28_a_slow_body_with_a_wrong_key_is_refused_before_it_is_there(edge: Edge, promised: int) -> None:
    """G28: however much is promised. That the connection is closed in the end would also be so without an answer."""
    with begin(edge, "sk-wrong-wrong-wrong-wrong", promised=promised) as connection:
        said = answer(connection, 30)
    assert said.startswith(b"HTTP/1.1 401 "), said[:200]
    assert json.loads(said.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid_api_key"


def test_g28_slow_bodies_are_refused_and_closed_and_hold_up_nobody(edge: Edge, gateway: GatewayProcess) -> None:
    """G28: 300 at once, with a right key. They are told why, which an SDK understands and a person too."""
    before = outcomes(gateway)
    connections = [begin(edge, gateway.keys["admin"]) for _ in range(SLOW)]
    with gateway.client("admin") as client:
        # For a model that there is not: its refusal shows that it was read and had a place.
        assert client.post(PATH, content=UNKNOWN).status_code == 404
    answers = [answer(connection, 60) for connection in connections]
    assert all(closed(connection) for connection in connections), "held although nothing can come any more"
    for connection in connections:
        connection.close()
    assert {said[:12] for said in answers} == {b"HTTP/1.1 408"}
    assert outcomes(gateway) - before == {"malformed": SLOW + 1}
    for said in answers:
        head, _, body = said.partition(b"\r\n\r\n")
        assert "did not arrive within" in json.loads(body)["error"]["message"]
        assert b"x-request-id: req_" in head.lower()
    credentials = {"Authorization": f"Bearer {gateway.keys['admin']}"}
    assert edge.ask("/v1/models", headers=credentials).status == 200


def test_the_gateway_gives_up_on_a_body_before_the_edge_does() -> None:
    """Else its answer would be too late."""
    (ships,) = re.findall(r"read_body (\d+)s", (PACKAGE / "config" / "Caddyfile").read_text())
    (gateways,) = re.findall(r'integer\("body_s", (\d+)', (PACKAGE / "llm_gateway" / "config.py").read_text())
    assert int(gateways) + 5 <= int(ships)


def chat(key: str, body: bytes, *headers: str, length: bool = True) -> bytes:
    """A request for a model that there is not, so that its refusal shows that it was read."""
    lines = [f"Host: {stack().domains.gateway}", f"Authorization: Bearer {key}", *headers]
    lines += [f"Content-Length: {len(body)}"] if length else []
    return f"POST {PATH} HTTP/1.1\r\n".encode() + "\r\n".join(lines).encode() + b"\r\n\r\n" + body


UNKNOWN = json.dumps({"model": "gpt-none", "messages": [{"role": "user", "content": "hi"}]}).encode()


def test_a_body_in_chunks_is_read(edge: Edge, gateway: GatewayProcess) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (1, bytes([each])) for each in UNKNOWN) + b"0\r\n\r\n"
    with edge.connect(edge.stack.domains.gateway) as connection:
        connection.sendall(chat(gateway.keys["admin"], chunks, "Transfer-Encoding: chunked", length=False))
        said = answer(connection, 30)
    assert said.startswith(b"HTTP/1.1 404 ")
    assert b'"model_not_found"' in said


def test_requests_sent_before_the_answers_are_answered_in_their_order(edge: Edge, gateway: GatewayProcess) -> None:
    names = [f"gpt-none-{number}".encode() for number in range(5)]
    with edge.connect(edge.stack.domains.gateway) as connection:
        key = gateway.keys["admin"]
        connection.sendall(b"".join(chat(key, UNKNOWN.replace(b"gpt-none", name)) for name in names))
        said = b""
        while said.count(b'"model_not_found"') < len(names):
            piece = connection.recv(65536)
            assert piece, said
            said += piece
    places = [said.find(name) for name in names]
    assert -1 not in places
    assert places == sorted(places)


def test_a_client_that_waits_for_leave_to_send_gets_it_once(edge: Edge, gateway: GatewayProcess) -> None:
    """Expect: 100-continue, as curl sends it with a long body."""
    head, _, body = chat(gateway.keys["admin"], UNKNOWN, "Expect: 100-continue").partition(b"\r\n\r\n")
    with edge.connect(edge.stack.domains.gateway) as connection:
        connection.settimeout(30)
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        said = answer(connection, 30)
    assert said.startswith(b"HTTP/1.1 404 ")


def closed(connection: ssl.SSLSocket) -> bool:
    connection.settimeout(10)
    try:
        while connection.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def test_the_edge_tells_who_the_client_is_and_a_client_cannot(edge: Edge) -> None:
    """The gateway's brake on wrong keys counts by address: a header of the client's own must not make it another."""
    statuses = []
    for number in range(40):
        headers = {"Authorization": "Bearer sk-wrong-wrong-wrong-wrong", "X-Gateway-Client": f"10.0.0.{number}"}
        statuses.append(edge.ask("/v1/models", headers=headers).status)
    assert set(statuses) == {401, 429}
    assert statuses[-1] == 429
