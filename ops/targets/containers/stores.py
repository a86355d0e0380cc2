"""Parts 3.3.1 and 3.3.2: ClickHouse and MinIO from their own Dockerfiles, by their own fly.toml, and what is inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied, unavailable
from ops.targets.containers import health, images, running
from ops.targets.containers.wish import Mount, Wish
from ops.targets.fly import wanted as fly_wanted
from ops.targets.fly.machine_config import ONLY_GROUP, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.services import s3
    from ops.services.clickhouse import Report
    from ops.targets.containers.project import Project
    from ops.targets.containers.secrets import Secrets
    from ops.targets.fly.wanted import Wanted
    from ops.targets.workspace import Workspace

CLICKHOUSE, MINIO = "clickhouse", "minio"


class Contents(Protocol):
    """What is to be inside a store."""

    def look(self, workspace: Workspace) -> Look:
        """Whether the contents are as wanted."""
        ...

    def act(self, workspace: Workspace, say: Say) -> None:
        """Make them so."""
        ...


class Store:
    """One store: its container by its own fly.toml, and its contents.

    Args:
        kind: ``clickhouse`` or ``minio``: its group, its folder, its consumer of secrets.
        described: its app's machine.
        image: the reference of its image.
        contents: what is to be inside.
    """

    def __init__(
        self,
        project: Project,
        secrets: Secrets,
        kind: str,
        described: Callable[[Workspace], Wanted],
        image: Callable[[Workspace, Project], str],
        contents: Contents,
    ) -> None:
        self.project = project
        self.secrets = secrets
        self.kind = kind
        self._described = described
        self._image = image
        self.contents = contents

    def _wish(self, workspace: Workspace) -> Wish:
        project = self.project
        described = self._described(workspace)
        machine = described.machines[ONLY_GROUP]
        known = project.ports.known()
        checked = sorted({int(check["port"]) for check in health.checks(machine).values()})
        return Wish(
            name=project.container(self.kind),
            group=self.kind,
            image=self._image(workspace, project),
            command=tuple(machine["init"].get("cmd") or ()),
            aliases=(f"{described.app}.internal",),
            variables={**machine["env"], **self.secrets.handed(self.kind)},
            mounts=tuple(
                Mount(project.volume(mount["name"]), mount["path"], volume=True) for mount in machine["mounts"]
            ),
            ports={port: known.get(f"{self.kind}_{port}", 0) for port in checked},
            # A rehearsal's store holds little: production's 8 GB would keep most machines from it.
            memory_mb=min(int(machine["guest"]["memory_mb"]), 2048),
            stop_s=int(seconds(machine["stop_config"].get("timeout", "10s")) or 10),
        )

    def _check(self, workspace: Workspace, wish: Wish) -> Callable[[], str]:
        machine = self._described(workspace).machines[ONLY_GROUP]
        return lambda: health.outside(machine, wish.ports)

    def look(self, workspace: Workspace) -> Look:
        """Whether the store runs, healthy, with its contents."""
        if not self.secrets.handed(self.kind):
            return missing(f"no secrets for {self.kind} yet")
        wish = self._wish(workspace)
        if not images.found(self.project, wish.image):
            return missing(f"no image {wish.image} yet")
        found = running.standing(self.project, wish, self._check(workspace, wish))
        return self.contents.look(workspace) if found.satisfied else found

    def act(self, workspace: Workspace, say: Say) -> None:
        """Build, start, await, fill."""
        images.build_store(workspace, self.project, self.kind, self._image(workspace, self.project), say)
        machine = self._described(workspace).machines[ONLY_GROUP]
        self.project.ports.reserve(sorted({f"{self.kind}_{c['port']}" for c in health.checks(machine).values()}))
        wish = self._wish(workspace)
        running.ensure(self.project, wish, self._check(workspace, wish), say, patience=180)
        if not self.contents.look(workspace).satisfied:
            self.contents.act(workspace, say)


class Database:
    """ClickHouse's database and its user, made by its own client in its container; passwords stay there."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def _ask(self, script: str) -> Report:
        from ops.services import clickhouse

        words = ("exec", "--interactive", self.project.container(CLICKHOUSE), "sh")
        try:
            done = self.project.engine.run("asking ClickHouse", *words, input=script.encode())
        except RunbookError as error:
            raise RunbookError(
                "CH-001",
                "ClickHouse's client failed in its container",
                why=clickhouse.last_line(error.why),
                next="inv deploy.logs --app clickhouse --target containers",
            ) from None
        return clickhouse.read(done.stdout)

    def look(self, workspace: Workspace) -> Look:
        """Whether the database and its user are there."""
        from ops.services import clickhouse

        settings = workspace.stack.clickhouse
        report = self._ask(clickhouse.look_script(settings.database, settings.user))
        lines = report.differences()
        if lines and not report.database and not report.user:
            return missing(f"no database {settings.database} in ClickHouse yet")
        if lines:
            return drifted(f"ClickHouse's database {settings.database}", "\n".join(lines))
        return satisfied(f"ClickHouse {report.version}, user {settings.user} limited to {settings.database}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Make the database and its user."""
        from ops.services import clickhouse

        settings = workspace.stack.clickhouse
        say(f"making database and user {settings.user} in ClickHouse")
        self._ask(clickhouse.make_script(settings.database, settings.user))


class Bucket:
    """MinIO's bucket, its expiry and its user, through the port on loopback."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def _asked(self, workspace: Workspace) -> tuple[s3.Account, s3.Account, s3.Wanted]:
        from ops.services.s3 import Account, Wanted

        vault, storage = workspace.vault, workspace.stack.storage
        endpoint = f"http://127.0.0.1:{self.project.ports.peek(f'{MINIO}_9000')}"
        root = Account(endpoint, vault.get("MINIO_ROOT_USER"), vault.get("MINIO_ROOT_PASSWORD"))
        limited = Account(endpoint, vault.get("S3_ACCESS_KEY_ID"), vault.get("S3_SECRET_ACCESS_KEY"))
        return root, limited, Wanted(storage.bucket, storage.expire_days)

    def look(self, workspace: Workspace) -> Look:
        """Whether the bucket and its user are there."""
        from ops.services import s3

        return s3.look(*self._asked(workspace))

    def act(self, workspace: Workspace, say: Say) -> None:
        """Make the bucket and its user."""
        from ops.services import s3

        s3.act(*self._asked(workspace), say)


class NoStore:
    """Where the stack asks for Fly's own object store: it is not here."""

    def look(self, workspace: Workspace) -> Look:
        """It cannot be had here."""
        return unavailable("Fly's own object store is at Fly only; storage.provider = minio can be rehearsed")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Nothing to do."""
        return


def clickhouse(project: Project, secrets: Secrets) -> Store:
    """Part 3.3.1."""
    return Store(project, secrets, CLICKHOUSE, fly_wanted.clickhouse, images.clickhouse, Database(project))


def storage(project: Project, secrets: Secrets) -> Store:
    """Part 3.3.2."""
    return Store(project, secrets, MINIO, fly_wanted.storage, images.storage, Bucket(project))
