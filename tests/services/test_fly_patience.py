"""Fly's answers at their worst: asked to wait, cut short, in any encoding, of another shape, from somebody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ops.runbook.secret import Secret
from ops.services.fly.api import FlyApi
from ops.services.fly.cli import Flyctl
from ops.services.fly.errors import BAD_ANSWER, PLATFORM, FlyError
from ops.services.fly.reading import listed

Answer = tuple[int, dict[str, str], bytes]


class Fly:
    """A server that gives these answers, one after the other, the last for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.at: list[float] = []
        fly = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                fly.at.append(time.monotonic())
                status, headers, body = fly.answers[min(len(fly.at), len(fly.answers)) - 1]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.api = FlyApi(Secret("t"), {"FLY_FLAPS_BASE_URL": url, "FLY_API_BASE_URL": url})
        self.said: list[str] = []
        self.api.say = self.said.append


@pytest.fixture
def fly() -> Iterator[Fly]:
    made = Fly()
    yield made
    made.api.close()
    made.server.shutdown()
    made.server.server_close()


GOOD: Answer = (200, {"Content-Type": "application/json"}, b'{"ok": true}')


def test_f14_retry_after_is_honoured_and_shown(fly: Fly) -> None:
    """F14: 429 with Retry-After; the run failed after 1.2 s."""
    fly.answers = [(429, {"Retry-After": "2"}, b"{}"), GOOD]
    assert fly.api.machines("listing", "/apps") == {"ok": True}
    assert fly.at[1] - fly.at[0] >= 2
    assert fly.said == ["listing: Fly asks to wait 2 s"]


def test_f14_a_wait_beyond_the_limit_is_not_waited(fly: Fly) -> None:
    fly.answers = [(429, {"Retry-After": "3600"}, b"{}"), GOOD]
    with pytest.raises(FlyError) as caught:
        fly.api.machines("listing", "/apps")
    assert "wait 3600 s" in caught.value.why
    assert len(fly.at) == 1


@pytest.mark.parametrize(
    "bad",
    [(408, {}, b""), (500, {}, b"{}"), (429, {}, b"{}"), (200, {}, b'{"machines": [{"id": "1'), (200, {}, b"")],
    ids=["408", "500", "429", "cut short", "empty"],
)
def test_f14_what_is_safe_to_ask_again_is_asked_again(fly: Fly, bad: Answer) -> None:
    """F14: 408 and a JSON answer cut short; they were not tried again."""
    fly.answers = [bad, GOOD]
    assert fly.api.machines("listing", "/apps") == {"ok": True}


def test_f14_a_mutation_is_sent_once(fly: Fly) -> None:
    fly.answers = [(503, {}, b"{}"), GOOD]
    with pytest.raises(FlyError):
        fly.api.mutate("creating", "mutation { x }", {})
    assert len(fly.at) == 1


def test_f15_a_page_in_any_encoding_is_fly_being_unavailable(fly: Fly) -> None:
    """F15: a 503 page in Latin-1; it was RUN-001 UnicodeDecodeError."""
    page = "<h1>Service indisponible, réessayez</h1>".encode("latin-1")
    fly.answers = [(503, {"Content-Type": "text/html; charset=iso-8859-1"}, page)]
    with pytest.raises(FlyError) as caught:
        fly.api.machines("listing", "/apps")
    assert caught.value.code == PLATFORM
    assert len(fly.at) == 3


def test_a_captive_portal_is_an_error_with_a_cause(fly: Fly) -> None:
    fly.answers = [(200, {"Content-Type": "text/html"}, b"<html>Please accept the terms</html>")]
    with pytest.raises(FlyError) as caught:
        fly.api.machines("listing", "/apps")
    assert caught.value.code == BAD_ANSWER
    assert "text/html" in caught.value.what
    assert "captive portal" in caught.value.why


@pytest.mark.parametrize("raw", [{}, {"volumes": {}}, "text", {"volumes": ["x"]}, {"volumes": 3}, 7])
def test_a_list_of_another_shape_is_never_an_empty_one(raw: Any) -> None:
    with pytest.raises(FlyError) as caught:
        listed("listing the volumes", raw, "volumes")
    assert caught.value.code == BAD_ANSWER


@pytest.mark.parametrize(("raw", "keys"), [(None, ()), ([], ()), ({"volumes": None}, ("volumes",))])
def test_an_empty_list_may_be_null(raw: Any, keys: tuple[str, ...]) -> None:
    assert listed("listing", raw, *keys) == []


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ('Update available 0.4.1 -> 0.4.9.\nRun "flyctl version upgrade".\n{"a": 1}', {"a": 1}),
        ("[notice] a newer version\n[1, 2]\nThere are more.", [1, 2]),
        ("null\n", None),
    ],
)
def test_f17_a_notice_before_the_json_is_read_past(tmp_path: Path, printed: str, value: Any) -> None:
    """F17: an update notice on standard output before JSON; it "blamed the version"."""
    program = tmp_path / "flyctl"
    (tmp_path / "said").write_text(printed)
    program.write_text(f"#!/bin/sh\ncat {tmp_path / 'said'}\n")
    program.chmod(0o755)
    cli = Flyctl(None, tmp_path / "state", binary=str(program), environ={"PATH": "/usr/bin:/bin"})
    assert cli.json("listing", "apps", "list") == value


def failing(folder: Path, output: str, code: int = 1) -> Callable[[], Any]:
    """A deploy by a flyctl that prints this and fails."""
    from ops.services.fly import Deploy
    from ops.services.fly import Fly as Client

    program = folder / "flyctl"
    (folder / "said").write_text(output)
    program.write_text(f"#!/bin/sh\ncat {folder / 'said'} >&2\nexit {code}\n")
    program.chmod(0o755)
    (folder / "fly.toml").write_text("app = 'one'\n")
    client = Client(Secret("t"), folder / "state" / "flyctl", binary=str(program), environ={"PATH": "/usr/bin:/bin"})
    return lambda: client.deploy("one", folder / "fly.toml", Deploy(dockerfile=folder / "Dockerfile"))


def test_f7_a_failed_build_shows_its_end_and_names_its_log(tmp_path: Path) -> None:
    """F7: a build log, then "failed to fetch an image or build from source"; only that line was shown."""
    log = [f"#{number} RUN step {number}" for number in range(200)] + ["#200 ERROR: pip: no matching distribution"]
    act = failing(tmp_path, "\n".join([*log, "Error: failed to fetch an image or build from source: exit 1"]))
    with pytest.raises(FlyError) as caught:
        act()
    assert caught.value.code == "FLY-017"
    assert "pip: no matching distribution" in caught.value.why
    assert "#180 RUN step 180" in caught.value.why
    assert "#100 RUN" not in caught.value.why
    file = tmp_path / "state" / "build-logs" / "one.log"
    assert str(file) in caught.value.next
    assert file.read_text().splitlines()[:2] == log[:2]
    assert file.stat().st_mode & 0o777 == 0o600
