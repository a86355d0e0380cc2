"""The Fly account as the target's parts see it: one client, and reads that looks made at the same moment share."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from ops.runbook.errors import Interrupted
from ops.runbook.interrupt import wait_until
from ops.runbook.secret import Secret
from ops.services.fly import Fly as Client
from ops.services.fly import FlyError
from ops.services.fly.api import segment
from ops.services.fly.cli import Flyctl
from ops.services.fly.errors import APP_MISSING, BAD_TOKEN, FORBIDDEN, NO_TOKEN, NOT_FOUND
from ops.services.fly.network import Certificate
from ops.services.fly.reading import Raw, listed, pick
from ops.services.fly.shapes import Executed, Lease, Release, Volume
from ops.targets.fly.memory import Memory
from ops.targets.fly.seen import Address, Gone, Seen, Stored

if TYPE_CHECKING:
    from pathlib import Path

    from ops.services.fly.redis import ManagedRedis
    from ops.targets.workspace import Workspace

T = TypeVar("T")

SHARED_S = 5.0  # how old an answer may be that one look takes over from another
RELEASES = 50

_acting: contextvars.ContextVar[bool] = contextvars.ContextVar("acting", default=False)


class Account:
    """One Fly organisation, read over Fly's APIs directly (one round trip each) and changed through flyctl.

    Looks made at the same moment share their answers. Whoever acts reads afresh, and what was shared before
    is forgotten when it ends.

    Args:
        workspace: whose settings hold the token, and whose state folder keeps flyctl's files.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.memory = Memory(workspace.paths.state / "fly.json")
        self._shared: dict[tuple[str, ...], tuple[float, Future[Any]]] = {}
        self._lock = threading.Lock()
        self._client: Client | None = None

    @property
    def org(self) -> str:
        """The organisation's slug."""
        return self.workspace.stack.fly.org

    @property
    def client(self) -> Client:
        """flyctl and the APIs, with the operator's token.

        Raises:
            FlyError: FLY-003 there is no token.
        """
        with self._lock:
            if self._client is None:
                self._client = self._connect()
                # Looks begin side by side: one thread loads the HTTP client and its certificates, not each.
                self._client.api.connect()
            return self._client

    @property
    def flyctl(self) -> Flyctl:
        """The binary by itself, for what needs no token."""
        return Flyctl(None, self._folder, binary=self._binary, environ=self.workspace.environ)

    def _connect(self) -> Client:
        environ = self.workspace.environ
        token = (environ.get("FLY_ACCESS_TOKEN") or environ.get("FLY_API_TOKEN") or "").strip()
        if not token:
            raise FlyError(
                NO_TOKEN,
                "there is no token for Fly",
                "every call to Fly carries one",
                f"put FLY_API_TOKEN into {self.workspace.paths.root / '.env'}: flyctl tokens create org",
                blocked=True,
            )
        return Client(Secret(token), self._folder, binary=self._binary, environ=environ)

    @property
    def _folder(self) -> Path:
        return self.workspace.paths.state / "flyctl"

    @property
    def _binary(self) -> str:
        return self.workspace.environ.get("FLYCTL") or "flyctl"

    @contextlib.contextmanager
    def acting(self) -> Iterator[Client]:
        """While inside, this thread reads afresh; at the end, however it ends, nobody may use older answers.

        Raises:
            FlyError: FLY-003 there is no token; FLY-032 the token may read but not change.
        """
        token = _acting.set(True)
        try:
            yield self.client
        except FlyError as error:
            if error.code == BAD_TOKEN and self._may_read():
                raise FlyError(
                    FORBIDDEN,
                    f"the token may read this organisation, but not change it: {error.what.partition(':')[0]}",
                    error.why,
                    "make an org token that is not read-only (flyctl tokens create org), FLY_API_TOKEN in .env",
                    blocked=True,
                ) from None
            raise
        finally:
            _acting.reset(token)
            self.forget()

    def _may_read(self) -> bool:
        try:
            return self.apps() is not None
        except FlyError:
            return False

    def forget(self) -> None:
        """From now on nobody uses an answer to what was asked before."""
        with self._lock:
            self._shared.clear()

    def begin(self, *reads: Callable[[], Any]) -> None:
        """Ask now, side by side, for what looks will ask for in a moment: they share the answers.

        Raises:
            FlyError: FLY-003 there is no token.
        """
        _ = self.client  # loaded once, before anything that could slow it down
        for read in reads:
            threading.Thread(target=_quietly, args=(read,), daemon=True).start()

    def _read(self, key: tuple[str, ...], fetch: Callable[[], T]) -> T:
        """The answer to `key`, shared with looks that ask the same at this moment."""
        if _acting.get():
            return fetch()
        with self._lock:
            known = self._shared.get(key)
            mine = known is None or time.monotonic() - known[0] > SHARED_S
            if mine:
                self._shared[key] = (time.monotonic(), Future())
            answer: Future[T] = self._shared[key][1]
        if mine:
            try:
                answer.set_result(fetch())
            except BaseException as error:
                # Whoever waits for it hears of it, and nobody after them.
                with self._lock:
                    if self._shared.get(key, (0.0, None))[1] is answer:
                        del self._shared[key]
                answer.set_exception(error)
        return answer.result()

    @staticmethod
    def together(*reads: Callable[[], Any]) -> list[Any]:
        """The answers of several reads made side by side, in their order; the first error, if any."""
        with ThreadPoolExecutor(max(1, len(reads))) as pool:
            started = [pool.submit(contextvars.copy_context().run, read) for read in reads]
            return [future.result() for future in started]

    def _of_app(self, doing: str, app: str, what: str, *keys: str) -> list[Raw]:
        """GET a list below an app; in the answer it is below `keys`.

        Raises:
            Gone: there is no such app in the account.
        """

        try:
            raw = self.client.api.machines(f"{doing} of {app}", f"/apps/{segment(app)}{what}")
            return listed(f"{doing} of {app}", raw, *keys)
        except FlyError as error:
            # A stranger's app of this name is answered with 403.
            if error.code in (APP_MISSING, NOT_FOUND) or (error.code == FORBIDDEN and app not in self.apps()):
                raise Gone(app) from None
            raise

    def apps(self) -> frozenset[str]:
        """Names of the organisation's apps."""

        def fetch() -> frozenset[str]:
            doing = f"listing the apps of {self.org}"
            raw = self.client.api.machines(doing, f"/apps?org_slug={segment(self.org)}")
            return frozenset(str(pick(row, "name")) for row in listed(doing, raw, "apps"))

        return self._read(("apps",), fetch)

    def machines(self, app: str) -> list[Seen]:
        """The app's machines, flyctl's passing helpers left out. Raises Gone."""

        def fetch() -> list[Seen]:
            found = (Seen.read(row) for row in self._of_app("listing the machines", app, "/machines"))
            return [seen for seen in found if seen.machine.own]

        return self._read(("machines", app), fetch)

    def leases(self, app: str) -> list[Lease]:
        """Who holds the app's machines at this moment. Raises Gone."""
        machines = [seen.machine.id for seen in self.machines(app)]
        found = self.together(*(lambda machine=machine: self.client.lease(app, machine) for machine in machines))
        return [lease for lease in found if lease]

    def volumes(self, app: str) -> list[Volume]:
        """The app's volumes. Raises Gone."""

        def fetch() -> list[Volume]:
            found = map(Volume.read, self._of_app("listing the volumes", app, "/volumes"))
            return [volume for volume in found if volume.state not in ("pending_destroy", "destroyed", "destroying")]

        return self._read(("volumes", app), fetch)

    def secrets(self, app: str) -> dict[str, Stored]:
        """The app's secrets: digests and times. Raises Gone."""

        def fetch() -> dict[str, Stored]:
            found = self._of_app("listing the secrets", app, "/secrets", "secrets")
            return {str(pick(row, "name")): Stored.read(row) for row in found}

        return self._read(("secrets", app), fetch)

    def addresses(self, app: str) -> list[Address]:
        """The app's addresses. Raises Gone."""

        def fetch() -> list[Address]:
            found = self._of_app("listing the addresses", app, "/ip_assignments", "ips")
            return [Address.read(row) for row in found]

        return self._read(("addresses", app), fetch)

    def certificates(self, app: str) -> dict[str, Certificate]:
        """The app's hostnames. Raises Gone."""

        def fetch() -> dict[str, Certificate]:
            found = self._of_app("listing the certificates", app, "/certificates", "certificates")
            return {cert.hostname: cert for cert in map(Certificate.read, found)}

        return self._read(("certificates", app), fetch)

    def releases(self, app: str) -> list[Release]:
        """The app's newest releases, newest first; none for an app that is not there."""

        def fetch() -> list[Release]:
            path = f"/apps/{segment(app)}/releases?limit={RELEASES}"
            try:
                doing = f"listing the releases of {app}"
                found = listed(doing, self.client.api.rest(doing, path), "releases")
            except FlyError as error:
                if error.code in (APP_MISSING, NOT_FOUND):
                    return []
                raise
            return sorted(map(Release.read, found), key=lambda release: -release.version)

        return self._read(("releases", app), fetch)

    def databases(self) -> dict[str, ManagedRedis]:
        """The organisation's managed Redis databases, by name."""
        return self._read(("redis",), lambda: self.client.redis.all(self.org))

    def execute(self, app: str, machine: str, script: str, *, interpreter: str = "sh", reads: bool = False) -> Executed:
        """Run a script inside a machine, over HTTPS. It must hold no secret: it may read the machine's own.

        The command line is split and unquoted by rules Fly does not write down, so the script goes as base64.

        Args:
            script: for the interpreter's standard input.
            interpreter: a program there that reads a script from standard input.
            reads: the script changes nothing, so it may be sent again.
        """
        import base64

        packed = base64.b64encode(script.encode()).decode()
        command = f"sh -c 'echo {packed}|base64 -d|{interpreter}'"
        return self.client.exec(app, machine, command, timeout_s=50, reads=reads)

    def inspect(self, app: str, machine: str, script: str) -> Executed:
        """As `execute`, for a script that only reads: looks made at the same moment share its answer."""
        return self._read(("execute", app, machine, script), lambda: self.execute(app, machine, script, reads=True))

    def wait_for_secrets(self, app: str, digests: dict[str, str]) -> None:
        """Wait until the API that looks read shows what flyctl has just stored.

        Raises:
            RunbookError: FLY-041 it does not within half a minute.
        """

        def shown() -> bool:
            live = self.secrets(app)
            return all(name in live and live[name].digest == digest for name, digest in digests.items())

        wait_until(shown, what=f"Fly to show the new secrets of {app}", timeout=30, code="FLY-041", next="inv plan")


def _quietly(read: Callable[[], Any]) -> None:
    # What it meets, the look meets again, and says so.
    with contextlib.suppress(Exception, Interrupted):
        read()
