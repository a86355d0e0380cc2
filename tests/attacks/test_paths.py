"""Ways to an operator's route from outside, each with the operator's own key: were it reached, it would answer.

What the edge and the gateway offer is tested in `tests/render/test_edge.py` and `tests/gateway/api/test_routes.py`, a
stranger's ids in all spellings in `tests/integration/gateway/test_wall.py`.
"""

from __future__ import annotations

import itertools

import pytest

from tests.attacks.stand import HOST, UI_HOST, Stand, head
from tests.attacks.wire import LONGEST_S, Heard, exchange

HIDDEN = ("/gateway/admin/teams", "/gateway/admin/status", "/gateway/admin/cache/purge", "/metrics")
SPELLINGS = {
    "as it is": "{}",
    "two slashes": "/{}",
    "three slashes": "//{}",
    "a dot": "/.{}",
    "dots": "/v1/..{}",
    "dots behind what is public": "/v1/models/..{}",
    "dots behind health": "/health/liveliness/../..{}",
    "dots behind any": "/v1/responses/x/../../..{}",
    "encoded dots": "/v1/models/%2e%2e/%2e%2e{}",
    "half encoded dots": "/v1/models/.%2e/%2E.{}",
    "dots encoded twice": "/v1/models/%252e%252e/%252e%252e{}",
    "encoded slashes behind what is public": "/v1/models/..%2f..%2f.{}",
    "backslashes": "/v1/models/..\\..{}",
    "encoded backslashes": "/v1/models/..%5c..%5c.{}",
    "a parameter": "{};a=b",
    "a parameter in the middle": "/v1/models/..;{}",
    "a slash behind": "{}/",
    "a query": "{}?x=/v1/models",
    "a query of what is public": "/v1/models?{}",
    "a fragment": "{}#/v1/models",
    "a fragment of what is public": "/v1/models#{}",
    "nul behind": "{}%00",
    "nul before": "/v1/models%00{}",
    "a space behind": "{}%20",
    "a newline behind": "{}%0a",
    "a new request line": "/v1/models%20HTTP/1.1%0d%0aHost:%20x%0d%0a%0d%0aGET%20{}",
    "overlong slash": "/v1/models/..%c0%af..%c0%af.{}",
    "full-width dots": "/v1/models/%ef%bc%8e%ef%bc%8e{}",
    "utf-8 by escape": "/v1/models/%u002e%u002e{}",
    "absolute": "http://" + HOST + "{}",
    "absolute, of another host": "http://localhost{}",
    "absolute, of the gateway's own address": "http://127.0.0.1:4000{}",
    "absolute, of Langfuse": "http://" + UI_HOST + "{}",
    "absolute, with a user": "http://" + HOST + "@127.0.0.1{}",
    "another scheme": "gopher://" + HOST + "{}",
    "no slash at all": "x{}",
}
CASES = {"upper case": str.upper, "first letter encoded": lambda path: f"/%{ord(path[1]):x}{path[2:]}",
         "slashes encoded": lambda path: "/" + path[1:].replace("/", "%2f"),
    "dot before": lambda path: f"/.{path}"}  # fmt: skip
REWRITING = (
    "X-Original-URL: {}", "X-Rewrite-URL: {}", "X-Forwarded-Prefix: {}", "X-Forwarded-Path: {}", "X-Forwarded-Uri: {}",
    "X-Accel-Redirect: {}", "Forwarded: for=127.0.0.1;host=localhost;path={}", "X-Envoy-Original-Path: {}",
    "X-HTTP-Method-Override: GET", "X-Method-Override: DELETE", "X-HTTP-Method: PURGE",
    "Fly-Replay-Src: instance=1", "X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: localhost", "X-Forwarded-Port: 9091",
    "X-Forwarded-Server: localhost", "X-Real-IP: 6.6.6.6", "X-Gateway-Client: 6.6.6.6", "X-Gateway-Body: unread",
    "X-Litellm-Api-Key: {key}", "Llm_provider-Key: {key}", "X-Api-Key: {key}", "Cookie: token={key}",
)  # fmt: skip
METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "PURGE", "PROPFIND", "TRACE", "get", "QUERY")


def asked(stand: Stand, method: str, path: str, *headers: str, host: str = HOST, body: bytes = b"") -> Heard:
    """One request with the operator's key."""
    mine = (f"Authorization: Bearer {stand.gateway.master_key}", *headers, "Connection: close")
    length = (f"Content-Length: {len(body)}",) if body else ()
    return exchange(stand.edge_port, head(method, path, *mine, *length, host=host) + body)


def nothing_told(heard: Heard) -> bool:
    """Whether it got no answer of an operator's route, and was not kept waiting."""
    told = any(word in answer.body for answer in heard.answers for word in (b'"teams"', b"gateway_requests", b"epoch"))
    fine = all(answer.status in (200, 308, 400, 401, 404, 405, 421, 429) for answer in heard.answers)
    return heard.closed and fine and not told and not heard.broken


def test_no_spelling_of_a_path_reaches_an_operators_route(attacked: Stand) -> None:
    paths = [(name, spelling.format(path)) for (name, spelling), path in itertools.product(SPELLINGS.items(), HIDDEN)]
    paths += [(name, write(path)) for (name, write), path in itertools.product(CASES.items(), HIDDEN)]
    wrong = {}
    for (name, path), method in itertools.product(paths, ("GET", "POST")):
        heard = asked(attacked, method, path)
        if not nothing_told(heard) or (heard.statuses[:1] == [200] and heard.answers[0].body != b"langfuse"):
            wrong[name, path, method] = heard
    assert wrong == {}


@pytest.mark.parametrize("method", METHODS)
def test_no_method_reaches_an_operators_route(attacked: Stand, method: str) -> None:
    for path in HIDDEN:
        heard = asked(attacked, method, path)
        if method == "HEAD":  # whose answer has no body, though it says how long it would be
            assert heard.closed
        else:
            assert heard.statuses[:1] == [404], (path, heard)


@pytest.mark.parametrize("header", REWRITING)
def test_no_header_makes_a_path_another_or_a_client_somebody_else(attacked: Stand, header: str) -> None:
    for path, wanted in itertools.product(("/v1/models", "/nothing"), HIDDEN):
        heard = asked(attacked, "GET", path, header.format(wanted, key=attacked.gateway.master_key))
        assert nothing_told(heard)
        # The operator's key is no team's.
        assert heard.statuses == [401 if path == "/v1/models" else 404]


@pytest.mark.parametrize(
    "host",
    ["localhost", "127.0.0.1:4000", "gateway.process.hotdash-llm-gateway.internal", HOST + ".", HOST.upper(),
    HOST + ":80",
     HOST + ":9091", f"{HOST}@localhost", f"{HOST}/metrics", f"x.{HOST}", f"{HOST}.x", "[::1]", "", "a b", "\xff"],
)  # fmt: skip
def test_no_host_reaches_an_operators_route(attacked: Stand, host: str) -> None:
    for path in HIDDEN:
        heard = asked(attacked, "GET", path, host=host)
        assert nothing_told(heard)
        assert heard.statuses in ([400], [404], [421])


def test_two_hosts_are_refused(attacked: Stand) -> None:
    assert asked(attacked, "GET", "/v1/models", "Host: other.example").statuses == [400]


def test_a_tunnel_is_not_dug(attacked: Stand) -> None:
    for target in ("127.0.0.1:6379", f"127.0.0.1:{attacked.gateway.port}", f"{HOST}:443"):
        for host in (HOST, target):
            heard = asked(attacked, "CONNECT", target, host=host)
            assert heard.statuses in ([400], [404], [405], [421]), heard


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0", "HTTP/2.0, SHTTP/1.3", "x"])
def test_a_request_to_speak_something_else_is_answered_as_what_it_is(attacked: Stand, protocol: str) -> None:
    """And its body is read, as RFC 9110 has it: else a client that offers h2c, as Java's does, would be told 400."""
    offer = [f"Upgrade: {protocol}", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"]
    body = b'{"model": "gpt-none", "messages": [{"role": "user", "content": "hi"}]}'
    mine = (f"Authorization: Bearer {attacked.key()}", *offer, f"Content-Length: {len(body)}")
    heard = exchange(attacked.edge_port, head("POST", "/v1/chat/completions", *mine) + body, until=1)
    assert heard.statuses == [404]
    assert heard.answers[0].json()["error"]["code"] == "model_not_found"


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAMES = {
    "nothing behind": b"",
    "no settings": b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + b"\x00" * 8,
    "settings of a length that is none": b"\x00\x00\x05\x04\x00\x00\x00\x00\x00" + b"\x00" * 5,
    "settings of a stream": b"\x00\x00\x00\x04\x00\x00\x00\x00\x01",
    "a frame larger than any": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
    "headers that are none": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    + b"\x00\x00\x04\x01\x05\x00\x00\x00\x01\xff\xff\xff\xff",
    "headers of stream 0": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"\x00\x00\x01\x01\x05\x00\x00\x00\x00\x82",
    "headers that never end": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    + b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82"
    + b"\x00\x00\x01\x09\x00\x00\x00\x00\x01\x84" * 5000,
    "streams opened and reset": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    + b"".join(
        b"\x00\x00\x03\x01\x05" + number.to_bytes(4, "big") + b"\x82\x84\x86"
        + b"\x00\x00\x04\x03\x00" + number.to_bytes(4, "big") + b"\x00\x00\x00\x08"
        for number in range(1, 4000, 2)
    ),
    "a window of nothing": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    + b"\x00\x00\x04\x08\x00\x00\x00\x00\x00"
    + b"\x00" * 4,
    "pings": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + (b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + b"\x00" * 8) * 5000,
    "HTTP/1 in it": b"\x00\x00\x00\x04\x00\x00\x00\x00\x00" + b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMES)
def test_odd_frames_of_http_2_harm_nobody(attacked: Stand, name: str) -> None:
    """What comes back is frames or nothing; that all still works afterwards is what counts."""
    exchange(attacked.edge_port, PREFACE + FRAMES[name], timeout_s=min(LONGEST_S, 0.2))
