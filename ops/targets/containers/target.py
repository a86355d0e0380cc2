"""The target `containers`: which part is what, and the steps of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, Step, blocked, satisfied
from ops.services.endpoints import Endpoints
from ops.targets import own_machine
from ops.targets.base import Machine, Part, Requirement
from ops.targets.containers import destroying, doctor, domains, going_back, operate, stores
from ops.targets.containers.app import App
from ops.targets.containers.domains import Domains
from ops.targets.containers.groups import Groups
from ops.targets.containers.health import PYTHON
from ops.targets.containers.project import Project
from ops.targets.containers.release import GatewayImage, Pooled, Release
from ops.targets.containers.secrets import Secrets
from ops.targets.containers.servers import Postgres, Redis
from ops.targets.fly import inside
from ops.targets.own_machine import OwnMachine

if TYPE_CHECKING:
    from ops.targets.workspace import Workspace


class Containers(OwnMachine):
    """A rehearsal in containers. Making one reads and changes nothing.

    Args:
        workspace: whose paths, stack and vault it works with.
    """

    name = "containers"
    after_destroy = "nothing of it is left, its vault included"
    # What Fly and Supabase simply have comes first, and the image is built before it is run.
    extra_needs: Mapping[str, tuple[str, ...]] = {
        "deploy.app": ("containers.engine",),
        "setup.secrets": ("containers.postgres",),
        "setup.redis": ("deploy.app",),
        "deploy.clickhouse": ("deploy.app", "deploy.secrets"),
        "deploy.storage": ("deploy.app", "deploy.secrets"),
        "deploy.release": ("containers.image", "build.fly"),
        "deploy.domains": ("containers.image",),
        "deploy.pooled": ("deploy.secrets",),
    }

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self.project = Project(workspace)
        secrets = Secrets(self.project)
        self.groups = Groups(self.project, secrets)
        self._release = Release(self.project, self.groups, secrets)
        minio = workspace.stack.storage.provider == "minio"
        self.redis: Part = Redis(self.project)
        self.app: Part = App(self.project)
        self.secrets: Part = secrets
        self.clickhouse: Part = stores.clickhouse(self.project, secrets)
        self.storage: Part = stores.storage(self.project, secrets) if minio else stores.NoStore()
        self.release: Part = self._release
        self.domains: Part = Domains(self.project, self.groups)
        self.pooled: Part = Pooled(secrets, self._release)

    def preparation(self) -> Sequence[Step[Workspace]]:
        """The engine, what stands for Supabase, and the image that Fly's builder makes in production."""
        postgres, image = Postgres(self.project), GatewayImage(self.project)
        return (
            Step(
                number="0.1",
                key="containers.engine",
                name="Container engine",
                purpose="docker or podman, with room for images and containers",
                look=self._look_engine,
                act=lambda workspace, say: None,
            ),
            Step(
                number="0.2",
                key="containers.postgres",
                name="Postgres server",
                purpose="stands for Supabase, its direct connection and its pooler",
                look=postgres.look,
                act=postgres.act,
                needs=("deploy.app",),
            ),
            Step(
                number="2.5",
                key="containers.image",
                name="Build the image",
                purpose="by the Dockerfile that Fly builds; its assertions run on the way",
                look=image.look,
                act=image.act,
                needs=("containers.engine", "build.dockerfile", "build.scripts", "build.config", "build.fly"),
            ),
        )

    def _look_engine(self, workspace: Workspace) -> Look:
        try:
            engine = self.project.engine
        except RunbookError as error:
            return blocked(f"{error.what}: {error.why}" if error.why else error.what, next=error.next)
        disk, memory = doctor.disk_bytes(workspace), doctor.memory_mb(workspace, self.groups)
        free = engine.free_bytes
        if free is not None and free < disk and not self.project.seen():
            lacking = f"{engine.storage} has {free / 1e9:.1f} GB left, and {disk / 1e9:.0f} GB are needed"
            return blocked(lacking, next=f"{engine.kind} system prune, or give it more disk")
        room = f" ({free / 1e9:.0f} GB free)" if free is not None else ""
        return satisfied(
            f"{engine}; takes at most {disk / 1e9:.0f} GB of disk{room} "
            f"and {memory} MB of memory ({doctor.has_mb()} MB here)"
        )

    def endpoints(self) -> Endpoints:
        """The port of the proxy in the URLs, and where to connect: the names need not resolve."""
        port = self.project.ports.peek("edge_https")
        return own_machine.endpoints(self._workspace.stack.domains, port, domains.authority(self.project))

    def admin(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        """Ask a gateway's admin route, from inside its container."""
        container = self.project.container("gateway", 1)
        asked = {"port": self._workspace.stack.ports.gateway, "path": path, "method": method, "body": body}
        script = inside.script(json.dumps(asked))
        words = ("exec", "--interactive", container, PYTHON, "-")
        done = self.project.engine.run(f"asking {container}", *words, input=script.encode())
        return inside.answer(done.stdout, done.stderr, container, path, "inv deploy.logs --target containers")

    def watch(self, what: str) -> tuple[int, str]:
        """In a gateway's container: the watch has none of its own here."""
        return operate.watch(self.project, what)

    def received(self) -> None:
        """There is no mail server among the containers."""

    def requirements(self) -> Sequence[Requirement]:
        """What this machine needs."""
        return doctor.requirements(self._workspace, self.project, self.groups)

    def check_operable(self) -> None:
        """Containers are operated as machines are."""

    def machines(self) -> Sequence[Machine]:
        """Every container of the stack."""
        return operate.machines(self._workspace, self.project, self.groups)

    def logs(self, app: str, group: str, lines: int) -> Iterator[list[str]]:
        """The newest log lines, then what comes."""
        return operate.logs(self._workspace, self.project, app, group, lines)

    def rollback(self, say: Say, *, to: str = "", fast: bool = False) -> str:
        """Put the last good image back into service, one container at a time, and hold it there.

        Raises:
            RunbookError: ENGINE-013 with `fast`: containers are never replaced all at once.
        """
        if fast:
            going_back.refuse_fast()
        return going_back.rollback(self._workspace, self.project, self.groups, self._release, say, to)

    def end_hold(self) -> str:
        """Forget that a rollback holds the image."""
        return going_back.end_hold(self.project)

    def scale(self, group: str, count: int, say: Say) -> str:
        """Change how many containers a group has."""
        return operate.scale(self._workspace, self.project, self._release, group, count, say)

    def run(self, app: str, group: str, command: str, say: Say) -> int:
        """Run a shell command in a container."""
        return operate.run(self.project, app, group, command, say)

    @property
    def name_to_destroy(self) -> str:
        """The name that all of it begins with."""
        return self.project.name

    def check_destroy(self, typed: str) -> None:
        """Refuse unless it was typed."""
        destroying.confirm(self.project, typed)

    def destroy(self, say: Say) -> Sequence[str]:
        """Destroy every container, network, volume and image of it."""
        return destroying.destroy(self._workspace, self.project, say)
