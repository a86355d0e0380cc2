"""The target `fly`: which part is what."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ops.runbook.step import Say, Step
from ops.services.endpoints import Endpoints
from ops.services.fly import FlyError
from ops.targets.base import Machine, Part, Requirement
from ops.targets.fly import clickhouse, storage
from ops.targets.fly.account import Account
from ops.targets.fly.app import Apps, apps
from ops.targets.fly.domains import Domains
from ops.targets.fly.pooled import Pooled
from ops.targets.fly.redis import Redis
from ops.targets.fly.release import Release
from ops.targets.fly.secrets import Secrets

if TYPE_CHECKING:
    from ops.targets.workspace import Workspace


class Fly:
    """Production on Fly.io. Making one reads and changes nothing.

    Args:
        workspace: whose paths, stack and vault it works with.
    """

    name = "fly"
    production = True
    after_destroy = "the vault and the Postgres schema are as they were"

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.account = Account(workspace)
        minio = workspace.stack.storage.provider == "minio"
        secrets = Secrets(self.account)
        release = Release(self.account, secrets)
        self.redis: Part = Redis(self.account)
        self.app: Part = Apps(self.account)
        self._secrets = secrets
        self.secrets: Part = secrets
        self.clickhouse: Part = clickhouse.store(self.account, secrets)
        self.storage: Part = storage.store(self.account, secrets) if minio else storage.Tigris()
        self.release: Part = release
        self.domains: Part = Domains(self.account)
        self.pooled: Part = Pooled(secrets, release)
        # A store starts with its passwords in place. Tigris' keys come the other way round.
        first = ("deploy.app", "deploy.secrets")
        self.extra_needs: Mapping[str, tuple[str, ...]] = {
            "deploy.clickhouse": first,
            **({"deploy.storage": first} if minio else {"deploy.secrets": ("deploy.storage",)}),
            # What their looks read: a look made ahead holds only while none of a step's own needs has changed.
            "deploy.release": ("build.fly",),
            "deploy.domains": ("deploy.app",),
            "deploy.pooled": ("deploy.secrets", "build.fly"),
        }

    def preparation(self) -> Sequence[Step[Workspace]]:
        """Nothing: Fly and Supabase are there."""
        return ()

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """While inside, nobody else can change this stack through the runbook, from any machine.

        Raises:
            RunbookError: LOCK-010 somebody else does; PG-0xx the database that holds the lock cannot be reached.
        """
        from ops.targets.fly.remote_lock import held

        # While the lock is being taken; whoever holds it changes things, but then this run ends here, or forgets.
        self._look_early()
        with held(self._workspace) as waited:
            if waited:
                self.account.forget()
            yield

    def _look_early(self) -> None:
        """Ask Fly for all that the looks will ask for, while the rest is being put together; they share the answers.

        The look that waits longest, for one answer after the other, goes first.
        """
        account, workspace = self.account, self._workspace
        gateway, *stores = apps(workspace)
        reads: list[Callable[[], Any]] = []
        for app in (*stores, gateway):
            kinds = (account.machines, account.secrets, account.releases, account.addresses)
            reads += [partial(kind, app) for kind in (*kinds, *((account.volumes,) if app in stores else ()))]
        reads += [account.apps, account.databases, partial(account.certificates, gateway)]
        # Without a token nothing is asked, and every step says so.
        with contextlib.suppress(FlyError):
            account.begin(*reads, partial(self.clickhouse.look, workspace))

    def endpoints(self) -> Endpoints:
        """The public names."""
        from ops.targets.fly.reaching import endpoints

        return endpoints(self._workspace)

    def admin(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask a gateway's admin route, from inside its machine."""
        from ops.targets.fly.inside import admin

        return admin(self._workspace, self.account, method, path, body)

    def watch(self, what: str) -> tuple[int, str]:
        """In a machine of the watch, else of the gateway."""
        from ops.targets.fly.inside import watch

        return watch(self._workspace, self.account, what)

    def received(self) -> None:
        """The operator's mails are the operator's."""

    def requirements(self) -> Sequence[Requirement]:
        """What this machine and the account need."""
        from ops.targets.fly.doctor import requirements

        return requirements(self._workspace, self.account)

    def check_operable(self) -> None:
        """Fly has machines."""

    def machines(self) -> Sequence[Machine]:
        """Every machine of the stack's apps."""
        from ops.targets.fly.operate import status

        return status(self._workspace, self.account)

    def logs(self, app: str, group: str, lines: int) -> Iterator[list[str]]:
        """The newest log lines, then what comes."""
        from ops.targets.fly.operate import logs

        return logs(self._workspace, self.account, app, group, lines)

    def rollback(self, say: Say, *, to: str = "", fast: bool = False) -> str:
        """Put the last good image back into service, and hold it there."""
        from ops.targets.fly.going_back import rollback

        return rollback(self._workspace, self.account, say, to=to, fast=fast)

    def end_hold(self) -> str:
        """Forget that a rollback holds the image."""
        from ops.targets.fly import hold

        held = hold.lift(self.account.memory, self._workspace.stack.fly.app)
        return f"{held} is no longer held" if held else "nothing is held"

    def scale(self, group: str, count: int, say: Say) -> str:
        """Change how many machines a group has."""
        from ops.targets.fly.operate import scale

        return scale(self._workspace, self.account, group, count, say)

    def run(self, app: str, group: str, command: str, say: Say) -> int:
        """Run a shell command in a machine, over SSH."""
        from ops.targets.fly.operate import app_named
        from ops.targets.fly.ssh import run

        return run(self.account, app_named(self._workspace, app), group, command, say)

    @property
    def name_to_destroy(self) -> str:
        """The gateway app's name."""
        return self._workspace.stack.fly.app

    def check_destroy(self, typed: str) -> None:
        """Refuse unless the app's name was typed."""
        from ops.targets.fly.destroy import confirm

        confirm(self._workspace, typed)

    def destroy(self, say: Say) -> Sequence[str]:
        """Destroy the apps, their volumes and the managed Redis."""
        from ops.targets.fly.destroy import destroy

        return destroy(self._workspace, self.account, self._secrets, say)
