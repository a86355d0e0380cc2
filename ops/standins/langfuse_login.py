"""The login flow of Langfuse (NextAuth 4 with credentials and sessions in a signed cookie)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from ops.standins.langfuse_database import Database, DatabaseProblem
from ops.standins.langfuse_pages import SIGN_IN_PATH, sign_in_page
from ops.standins.langfuse_settings import Settings
from ops.standins.langfuse_store import iso

SESSION_S = 30 * 24 * 3600


class _SignUp(msgspec.Struct):
    """What an account is made from."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    email: Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    password: Annotated[str, msgspec.Meta(min_length=8)]


class Login:
    """Sign-in with a CSRF token bound to a cookie, and the session it leads to.

    Cookie names follow NEXTAUTH_URL: with https they are prefixed ``__Secure-`` and marked Secure.

    Args:
        settings: the user and the secret that signs cookies.
        database: where the user's password is, if there is one.
    """

    def __init__(self, settings: Settings, database: Database | None = None) -> None:
        self._settings = settings
        self._database = database
        self._secure = settings.url.startswith("https://")
        self._secret = settings.session_secret.encode()

    def routes(self) -> list[Route]:
        """The routes of the flow."""
        return [
            Route("/api/auth/csrf", self.csrf),
            Route("/api/auth/callback/credentials", self.callback, methods=["POST"]),
            Route("/api/auth/session", self.session),
            Route("/api/auth/signup", self.sign_up, methods=["POST"]),
            Route(SIGN_IN_PATH, self.page),
        ]

    def _cookie(self, name: str) -> str:
        return f"{'__Secure-' if self._secure else ''}next-auth.{name}"

    def _set(self, response: Response, name: str, value: str, max_age: int | None = None) -> None:
        response.set_cookie(
            self._cookie(name),
            value,
            max_age=max_age,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )

    def _digest(self, token: str) -> str:
        return hmac.new(self._secret, token.encode(), hashlib.sha256).hexdigest()

    def _csrf_of(self, request: Request) -> str | None:
        token, _, digest = request.cookies.get(self._cookie("csrf-token"), "").partition("|")
        return token if token and hmac.compare_digest(digest.encode(), self._digest(token).encode()) else None

    def user(self, request: Request) -> str | None:
        """The email of the user who is signed in, or None."""
        body, _, digest = request.cookies.get(self._cookie("session-token"), "").partition(".")
        if not body or not hmac.compare_digest(digest.encode(), self._digest(body).encode()):
            return None
        try:
            claims = json.loads(base64.urlsafe_b64decode(body))
        except (binascii.Error, ValueError):
            return None
        return str(claims["email"]) if claims["expires"] > time.time() else None

    async def csrf(self, request: Request) -> Response:
        """``GET /api/auth/csrf``."""
        token = self._csrf_of(request) or secrets.token_hex(32)
        response = JSONResponse({"csrfToken": token})
        self._set(response, "csrf-token", f"{token}|{self._digest(token)}")
        return response

    async def callback(self, request: Request) -> Response:
        """``POST /api/auth/callback/credentials``: a bad CSRF token gets 200 and no session."""
        form = dict(parse_qsl((await request.body()).decode(errors="replace"), keep_blank_values=True))
        as_json = form.get("json") == "true"
        token = self._csrf_of(request)
        if token is None or not hmac.compare_digest(form.get("csrfToken", "").encode(), token.encode()):
            return self._lead(f"{self._settings.url}/api/auth/signin?csrf=true", 200, as_json)
        if not await asyncio.to_thread(self._knows, form.get("email", ""), form.get("password", "")):
            failed = quote("Invalid credentials")
            where = f"{self._settings.url}{SIGN_IN_PATH}" if not as_json else f"{self._settings.url}/api/auth/error"
            return self._lead(f"{where}?error={failed}", 401, as_json)
        response = self._lead(self._own(form.get("callbackUrl", "")), 200, as_json)
        claims = {"email": self._settings.email, "expires": time.time() + SESSION_S}
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()
        self._set(response, "session-token", f"{body}.{self._digest(body)}", SESSION_S)
        self._set(response, "callback-url", quote(self._own(form.get("callbackUrl", ""))))
        return response

    def _lead(self, url: str, status: int, as_json: bool) -> Response:
        if as_json:
            return JSONResponse({"url": url}, status)
        return RedirectResponse(url, 302)

    def _own(self, url: str) -> str:
        """``url`` if it leads to this Langfuse, else the start page: no open redirect."""
        if url.startswith("/") and not url.startswith(("//", "/\\")):
            return self._settings.url + url
        mine, other = urlsplit(self._settings.url), urlsplit(url)
        return url if (mine.scheme, mine.netloc) == (other.scheme, other.netloc) else self._settings.url

    def _knows(self, email: str, password: str) -> bool:
        if self._database is not None:
            try:
                return self._database.knows_user(email, password)
            except DatabaseProblem:
                return False
        settings = self._settings
        right = hmac.compare_digest(password.encode(), settings.password.encode())
        return bool(settings.password) and right and email.strip().lower() == settings.email

    async def session(self, request: Request) -> Response:
        """``GET /api/auth/session``: who is signed in, or ``{}``."""
        if self.user(request) is None:
            return JSONResponse({})
        settings = self._settings
        project: dict[str, Any] = {"id": settings.project_id, "name": settings.project_name, "role": "OWNER"}
        organization = {
            "id": settings.org_id,
            "name": settings.org_name,
            "role": "OWNER",
            "projects": [project],
        }
        user = {
            "id": hashlib.sha256(settings.email.encode()).hexdigest()[:24],
            "name": settings.user_name,
            "email": settings.email,
            "admin": False,
            "organizations": [organization],
        }
        expires = iso(datetime.fromtimestamp(time.time() + SESSION_S, UTC))
        environment = {"enableExperimentalFeatures": False, "selfHostedInstancePlan": None}
        return JSONResponse({"user": user, "expires": expires, "environment": environment})

    async def sign_up(self, request: Request) -> Response:
        """``POST /api/auth/signup``: the body is checked before anything else, as Langfuse does."""
        try:
            asked = msgspec.json.decode(await request.body(), type=_SignUp)
        except msgspec.MsgspecError:
            return JSONResponse({"message": "Invalid body"}, 422)
        if not self._settings.sign_up:
            return JSONResponse({"message": "Sign up is disabled."}, 422)
        if asked.email.lower() == self._settings.email:
            return JSONResponse({"message": "User with email already exists. Please sign in."}, 422)
        return JSONResponse({"message": "User created"})

    async def page(self, request: Request) -> Response:
        """``GET /auth/sign-in``: the form."""
        token = self._csrf_of(request) or secrets.token_hex(32)
        target = request.query_params.get("targetPath", f"/project/{self._settings.project_id}/traces")
        response = sign_in_page(token, target, failed="error" in request.query_params)
        self._set(response, "csrf-token", f"{token}|{self._digest(token)}")
        return response
