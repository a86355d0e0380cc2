"""The login flow of the Langfuse stand-in, step by step as a client without a browser takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import httpx
import pytest

from ops.checks.langfuse import sign_up_is_off
from ops.services.langfuse import Langfuse

PREFIX = "__Secure-next-auth."
PAGE = "/project/the-project/traces"


class Visitor:
    """Sends cookies back by hand: a cookie jar keeps Secure cookies from plain http."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, timeout=10)
        self.cookies: dict[str, str] = {}
        self.flags: dict[str, str] = {}

    def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        self.client.cookies.clear()
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.client.request(method, path, headers={"cookie": cookie}, **more)
        for line in answer.headers.get_list("set-cookie"):
            pair, _, self.flags[pair.partition("=")[0]] = line.partition(";")
            name, _, value = pair.partition("=")
            self.cookies[name] = value.strip('"')
        return answer

    def token(self) -> str:
        return str(self.send("GET", "/api/auth/csrf").json()["csrfToken"])

    def login(self, email: str, password: str, token: str, **more: str) -> httpx.Response:
        form = {"csrfToken": token, "email": email, "password": password, "json": "true", **more}
        return self.send("POST", "/api/auth/callback/credentials", data=form)


@pytest.fixture
def visitor(langfuse_server: Any) -> Visitor:
    return Visitor(langfuse_server.url)


@pytest.fixture
def known(langfuse_env: dict[str, str]) -> tuple[str, str]:
    return langfuse_env["LANGFUSE_INIT_USER_EMAIL"], langfuse_env["LANGFUSE_INIT_USER_PASSWORD"]


def test_the_right_password_leads_to_a_session_with_org_and_project(
    visitor: Visitor, known: tuple[str, str], langfuse_env: dict[str, str]
) -> None:
    url = langfuse_env["NEXTAUTH_URL"]
    answer = visitor.login(*known, visitor.token(), callbackUrl=url)
    assert (answer.status_code, answer.json()) == (200, {"url": url})
    assert f"{PREFIX}session-token" in visitor.cookies
    flags = visitor.flags[f"{PREFIX}session-token"].lower()
    assert all(flag in flags for flag in ("secure", "httponly", "samesite=lax", "path=/"))
    user = visitor.send("GET", "/api/auth/session").json()["user"]
    assert user["email"] == known[0]
    assert user["organizations"][0]["id"] == "the-org"
    assert user["organizations"][0]["projects"][0]["id"] == "the-project"


def test_a_wrong_password_is_401_and_no_session(visitor: Visitor, known: tuple[str, str]) -> None:
    answer = visitor.login(known[0], "not the password", visitor.token())
    assert answer.status_code == 401
    assert "error=" in answer.json()["url"]
    assert f"{PREFIX}session-token" not in visitor.cookies
    assert visitor.send("GET", "/api/auth/session").json() == {}


@pytest.mark.parametrize("with_cookie", [True, False])
def test_a_bad_csrf_token_is_200_and_no_session(visitor: Visitor, known: tuple[str, str], with_cookie: bool) -> None:
    token = visitor.token()
    if with_cookie:
        token = "0" * 64
    else:
        visitor.cookies.clear()
    answer = visitor.login(*known, token)
    assert answer.status_code == 200
    assert answer.json()["url"].endswith("/signin?csrf=true")
    assert f"{PREFIX}session-token" not in visitor.cookies


def test_a_forged_session_is_no_session(visitor: Visitor, known: tuple[str, str]) -> None:
    visitor.login(*known, visitor.token())
    body, _, _ = visitor.cookies[f"{PREFIX}session-token"].partition(".")
    visitor.cookies[f"{PREFIX}session-token"] = f"{body}.{'0' * 64}"
    assert visitor.send("GET", "/api/auth/session").json() == {}


def test_a_login_never_leads_to_another_site(visitor: Visitor, known: tuple[str, str]) -> None:
    for where in ("https://evil.example", "//evil.example", "https://langfuse.example.com.evil.example/"):
        answer = visitor.login(*known, visitor.token(), callbackUrl=where)
        assert answer.json()["url"] == "https://langfuse.example.com"


def test_sign_up_is_disabled(visitor: Visitor) -> None:
    account = {"name": "A", "email": "a@b.example", "password": "a-long-password"}
    answer = visitor.send("POST", "/api/auth/signup", json=account)
    assert (answer.status_code, answer.json()["message"]) == (422, "Sign up is disabled.")


def test_l3_an_incomplete_request_for_an_account_says_nothing_about_sign_up(visitor: Visitor) -> None:
    for body in ({}, {"name": "A", "email": "a@b.example", "password": "short"}):
        answer = visitor.send("POST", "/api/auth/signup", json=body)
        assert answer.status_code == 422
        assert "disabled" not in answer.text


class _Site:
    """What check 4.6 asks through."""

    def __init__(self, client: httpx.Client) -> None:
        self.site = self
        self.request = client.request


@pytest.mark.parametrize("disabled", ["true", ""])
def test_l3_the_check_tells_open_sign_up_from_a_refused_body(start: Any, langfuse_env: Any, disabled: str) -> None:
    """L3."""
    server = start("langfuse", env={**langfuse_env, "AUTH_DISABLE_SIGNUP": disabled})
    with httpx.Client(base_url=server.url, timeout=10) as client:
        email = langfuse_env["LANGFUSE_INIT_USER_EMAIL"]
        assert sign_up_is_off(cast(Langfuse, _Site(client)), email) is (disabled == "true")


def test_a_person_signs_in_and_sees_the_traces(traces: Any, visitor: Visitor, known: tuple[str, str]) -> None:
    traces.send(traces.generation(**{"langfuse.observation.input": "<script>alert(1)</script>"}))
    away = visitor.send("GET", PAGE)
    assert away.status_code == 307
    assert away.headers["location"].startswith("/auth/sign-in?targetPath=")
    form = visitor.send("GET", away.headers["location"]).text
    token = form.split('name="csrfToken" value="')[1].split('"')[0]
    target = form.split('name="callbackUrl" value="')[1].split('"')[0]
    data = {"csrfToken": token, "email": known[0], "password": known[1], "callbackUrl": target}
    answer = visitor.send("POST", "/api/auth/callback/credentials", data=data)
    assert answer.status_code == 302
    assert answer.headers["location"] == f"https://langfuse.example.com{PAGE}"
    page = visitor.send("GET", PAGE)
    assert page.status_code == 200
    assert "litellm-acompletion" in page.text
    assert "<script>" not in page.text
    assert visitor.send("GET", "/project/another/traces").status_code == 404


def test_over_plain_http_the_cookies_have_no_prefix(
    start: Callable[..., Any], langfuse_env: dict[str, str], known: tuple[str, str]
) -> None:
    server = start("langfuse", env={**langfuse_env, "NEXTAUTH_URL": "http://localhost:3000"})
    visitor = Visitor(server.url)
    visitor.login(*known, visitor.token())
    assert "next-auth.session-token" in visitor.cookies
    assert "secure" not in visitor.flags["next-auth.session-token"].lower()


def test_without_a_user_nobody_can_sign_in(start: Callable[..., Any], langfuse_env: dict[str, str]) -> None:
    env = {name: value for name, value in langfuse_env.items() if "USER" not in name}
    visitor = Visitor(start("langfuse", env=env).url)
    assert visitor.login("", "", visitor.token()).status_code == 401


def test_the_worker_answers_on_its_own_port(start: Callable[..., Any], langfuse_env: dict[str, str]) -> None:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    server = start("langfuse", "--worker-port", str(port), env=langfuse_env)
    for base in (server.url, f"http://127.0.0.1:{port}"):
        answer = httpx.get(base + "/api/health", timeout=10)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
