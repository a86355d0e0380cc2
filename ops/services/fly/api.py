"""Fly's HTTP APIs where flyctl would give text, ask questions, or change something only to look.

Managed Redis (GraphQL): no `flyctl redis` command speaks JSON, and `update` always asks. A certificate's
detail (Machines API, GET): `flyctl certs check` triggers a validation each time. Logs (REST):
`flyctl logs --no-tail` never ends while an app has no log line. Commands in a machine (Machines API):
`flyctl machine exec` asks for the machine first, which whoever names it has just seen.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ops.runbook import interrupt
from ops.runbook.loading import spared
from ops.runbook.secret import Secret
from ops.services import trust
from ops.services.fly import errors
from ops.services.fly.errors import FlyError
from ops.services.fly.explaining import of_text

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 30.0
LONGEST_WAIT_S = 60.0
_TRIES = 3


def authorization(token: str) -> str:
    """The Authorization header for a token as flyctl would send it.

    Macaroon tokens go as ``FlyV1``, others as ``Bearer`` (flyctl's `tokens` package).
    """
    bare = token.strip()
    for prefix in ("FlyV1 ", "Bearer "):
        bare = bare.removeprefix(prefix).strip()
    macaroon = any(part.strip().startswith(("fm1r_", "fm1a_", "fm2_")) for part in bare.split(","))
    return f"{'FlyV1' if macaroon else 'Bearer'} {bare}"


class FlyApi:
    """Calls to api.fly.io and api.machines.dev with one token; safe to use from several threads.

    `say` is told when it waits because Fly asks for it.

    Args:
        token: an org token.
        environ: may move the APIs with flyctl's own variables FLY_API_BASE_URL, FLY_FLAPS_BASE_URL and
            FLY_UIEX_BASE_URL.
    """

    def __init__(self, token: Secret, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._token = token
        self._graphql = environ.get("FLY_API_BASE_URL") or "https://api.fly.io"
        self._rest = environ.get("FLY_UIEX_BASE_URL") or self._graphql
        self._machines = environ.get("FLY_FLAPS_BASE_URL") or "https://api.machines.dev"
        self._client: httpx.Client | None = None
        self._lock = threading.Lock()
        self.say: Callable[[str], None] = _on_standard_error

    def connect(self) -> httpx.Client:
        """The HTTP client, loaded at first use: looks that begin side by side have one of them load it ahead."""
        with self._lock:
            if self._client is None:
                # Its own command line comes along where click is installed, and takes longer than it.
                with spared("httpx._main", "main"):
                    import httpx

                self._client = httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, verify=trust.trusted())
            return self._client

    def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            self._client.close()

    def query(self, doing: str, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """A GraphQL query, tried again when the platform has trouble; returns `data`.

        Raises:
            FlyError: what Fly says, as a mapped failure.
        """
        return self._graphql_call(doing, document, variables, tries=_TRIES)

    def mutate(self, doing: str, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """A GraphQL mutation, sent once; returns `data`.

        Raises:
            FlyError: what Fly says, as a mapped failure.
        """
        return self._graphql_call(doing, document, variables, tries=1)

    def _graphql_call(self, doing: str, document: str, variables: Mapping[str, Any], tries: int) -> dict[str, Any]:
        body = {"query": document, "variables": dict(variables)}
        answer = self._send(doing, "POST", f"{self._graphql}/graphql", tries, body)
        problems = answer.get("errors") if isinstance(answer, dict) else None
        if problems:
            text = "; ".join(str(p.get("message", p)) for p in problems)
            raise of_text(doing, text)
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            raise FlyError(errors.BAD_ANSWER, f"{doing} gave no data", "the API's answer has another shape")
        return data

    def machines(self, doing: str, path: str) -> Any:
        """GET from the Machines API; `path` starts after ``/v1``."""
        return self._send(doing, "GET", f"{self._machines}/v1{path}", _TRIES)

    def exec(self, doing: str, app: str, machine: str, command: str, timeout_s: int, *, reads: bool = False) -> Any:
        """Have a machine run a command, as `flyctl machine exec` asks for it (fly-go v0.9.6, MachineExecRequest).

        Args:
            command: one line, split by Fly; no secret in it.
            timeout_s: seconds after which Fly ends it.
            reads: it changes nothing, so it may be asked for again when the platform has trouble.
        """
        url = f"{self._machines}/v1/apps/{segment(app)}/machines/{segment(machine)}/exec"
        body = {"cmd": command, "timeout": timeout_s}
        return self._send(doing, "POST", url, _TRIES if reads else 1, body, timeout_s=timeout_s + TIMEOUT_S)

    def rest(self, doing: str, path: str) -> Any:
        """GET from the REST half; `path` starts after ``/api/v1``."""
        return self._send(doing, "GET", f"{self._rest}/api/v1{path}", _TRIES, bearer=True)

    def _send(
        self,
        doing: str,
        method: str,
        url: str,
        tries: int,
        body: Any = None,
        *,
        bearer: bool = False,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        client = self.connect()
        import httpx

        header = authorization(self._token.reveal())
        if bearer:
            header = f"Bearer {header.partition(' ')[2]}"
        patience = httpx.Timeout(TIMEOUT_S, read=timeout_s)
        for attempt in range(1, tries + 1):
            try:
                reply = client.request(method, url, json=body, headers={"Authorization": header}, timeout=patience)
            except httpx.HTTPError as error:
                failure = FlyError(
                    errors.CUT_OFF,
                    f"{doing} failed: the connection to Fly broke ({type(error).__name__})",
                    "what was asked may or may not have been done",
                    "run the same command again: it looks first",
                    retry=True,
                )
                wait = 0.0
            else:
                try:
                    if reply.is_success:
                        return self._decoded(doing, reply)
                    failure = self._refused(doing, reply)
                except FlyError as cut_short:
                    failure = cut_short
                wait = _asked_to_wait(reply.headers.get("retry-after", ""))
            if wait > LONGEST_WAIT_S:
                failure.why = f"Fly asks to wait {wait:.0f} s ({failure.why})"
                raise failure
            if not failure.retry or attempt == tries:
                raise failure
            if wait:
                self.say(f"{doing}: Fly asks to wait {wait:.0f} s")
            interrupt.sleep(wait or 0.2 * 2**attempt)
        raise AssertionError("unreachable")

    @staticmethod
    def _decoded(doing: str, reply: httpx.Response) -> Any:
        if not reply.content and reply.status_code == 204:
            return None
        try:
            return reply.json()
        except ValueError:  # no JSON, or bytes in no encoding that JSON has
            kind = reply.headers.get("content-type", "").partition(";")[0] or "nothing"
            raise FlyError(
                errors.BAD_ANSWER,
                f"{doing} gave an answer that is not JSON: {kind}, {len(reply.content)} bytes",
                "it was cut short, or a proxy or captive portal answers in Fly's place",
                "run the same command again; if it stays so, from another network",
                retry=True,
            ) from None

    @staticmethod
    def _refused(doing: str, reply: httpx.Response) -> FlyError:
        said = f"non-200 status code: {reply.status_code}"
        try:
            body = reply.json()
            text = str(body.get("message") or body.get("error") or "") if isinstance(body, dict) else ""
        except ValueError:  # a page for people, in whatever encoding
            text = ""
        failure = of_text(doing, f"{text} ({said})" if text else said, said)
        if reply.status_code == 404 and failure.code == errors.UNKNOWN:
            return FlyError(errors.NOT_FOUND, f"{doing} failed: not found", text)
        return failure


def _on_standard_error(text: str) -> None:
    import sys

    print(text, file=sys.stderr)


def _asked_to_wait(text: str) -> float:
    """Seconds of a Retry-After header: a number, or a date; 0 without one."""
    import time
    from email.utils import parsedate_to_datetime

    if not text:
        return 0.0
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def segment(text: str) -> str:
    """A path segment, escaped."""
    return quote(text, safe="")
