"""What stands for Supabase and the managed Redis: Postgres (step 0.2) and Valkey (part 1.4)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing
from ops.targets.containers import images, inside, running
from ops.targets.containers.app import POSTGRES_VOLUME
from ops.targets.containers.wish import Mount, Wish
from ops.targets.local import postgres, valkey
from ops.targets.local.layout import make_private, write_private

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.runbook.secret import Secret
    from ops.targets.containers.project import Project
    from ops.targets.workspace import Workspace

VALKEY_CONF = "/etc/valkey.conf"


class Postgres:
    """Step 0.2: the server, its administrator, and Supabase's two URLs in the vault; both lead to the one server."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def _wish(self, workspace: Workspace) -> Wish:
        project, known = self.project, self.project.ports.known()
        reference = images.ready_made(workspace, "postgres")
        password = project.state / "files" / "postgres-password"
        return Wish(
            name=project.container(inside.POSTGRES),
            group=inside.POSTGRES,
            image=reference,
            aliases=(project.host(inside.POSTGRES), project.host(inside.POOLER)),
            variables={"POSTGRES_PASSWORD_FILE": "/run/password", "PGDATA": "/var/lib/postgresql/data/cluster"},
            mounts=(
                Mount(project.volume(POSTGRES_VOLUME), "/var/lib/postgresql/data", volume=True),
                Mount(str(password), "/run/password"),
            ),
            ports={5432: known[inside.POSTGRES]},
            stop_s=20,
        )

    def look(self, workspace: Workspace) -> Look:
        """Whether Postgres runs and its URLs are in the vault."""
        project, vault = self.project, workspace.vault
        password = project.state / "files" / "postgres-password"
        if inside.POSTGRES not in project.ports.known() or not password.exists() or not vault.has(postgres.DIRECT):
            return missing("no Postgres yet")
        found = running.standing(project, self._wish(workspace), lambda: _postgres_check(vault.get(postgres.DIRECT)))
        if found.satisfied and not vault.has(postgres.POOLED):
            return missing(f"{postgres.POOLED} is not in the vault")
        return found

    def act(self, workspace: Workspace, say: Say) -> None:
        """Have it run, with the vault's password.

        Raises:
            RunbookError: ENGINE-009 it does not get well, or was made with another password than the vault's.
        """
        project, vault = self.project, workspace.vault
        images.pull(project, images.ready_made(workspace, "postgres"), say)
        port = project.ports.get(inside.POSTGRES)
        known = vault.get(postgres.DIRECT) if vault.has(postgres.DIRECT) else None
        password = postgres.password_of(known) if known else secrets.token_urlsafe(24)
        url = postgres.url(port, password)
        # In the vault before the cluster is made with it: it can never be lost between the two.
        wanted = {postgres.DIRECT: url, postgres.POOLED: url}
        changed = {name: secret for name, secret in wanted.items() if not vault.has(name) or vault.get(name) != secret}
        if changed:
            vault.put(changed, origin="provisioned")
        write_readable(project, "postgres-password", password)
        running.ensure(project, self._wish(workspace), lambda: _postgres_check(url), say)


def _postgres_check(url: Secret) -> str:
    if postgres.answers(url):
        return ""
    return "it refuses the vault's password" if postgres.is_refused(url) else "it does not answer yet"


class Redis:
    """Part 1.4: a Valkey with a password, a limit and no eviction; its URL is in the vault."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def _wish(self, workspace: Workspace) -> Wish:
        project = self.project
        return Wish(
            name=project.container(inside.REDIS),
            group=inside.REDIS,
            image=images.ready_made(workspace, "valkey"),
            command=("valkey-server", VALKEY_CONF),
            aliases=(project.host(inside.REDIS),),
            mounts=(Mount(str(project.state / "files" / "valkey.conf"), VALKEY_CONF),),
            ports={6379: project.ports.known()[inside.REDIS]},
            memory_mb=workspace.stack.redis.max_memory_mb + 128,
        )

    def look(self, workspace: Workspace) -> Look:
        """Whether Valkey runs and its URLs are in the vault."""
        project, vault = self.project, workspace.vault
        file = project.state / "files" / "valkey.conf"
        if inside.REDIS not in project.ports.known() or not file.exists():
            return missing("no Valkey yet")
        absent = [name for name in valkey.names(workspace) if not vault.has(name)]
        if absent:
            return missing(f"{', '.join(absent)} is not in the vault")
        url = vault.get(valkey.URL)
        if file.read_text(encoding="utf-8") != configuration(workspace, valkey.password_of(url)):
            return drifted("its configuration is not what the stack and the vault say")
        return running.standing(project, self._wish(workspace), _valkey_check(url))

    def act(self, workspace: Workspace, say: Say) -> None:
        """Have it run by the stack's limits."""
        project, vault = self.project, workspace.vault
        images.pull(project, images.ready_made(workspace, "valkey"), say)
        port = project.ports.get(inside.REDIS)
        known = vault.get(valkey.URL) if vault.has(valkey.URL) else None
        password = valkey.password_of(known) if known else secrets.token_urlsafe(24)
        urls = {valkey.URL: valkey.url(port, password), valkey.QUEUE_URL: valkey.url(port, password, database=1)}
        changed = {
            name: urls[name] for name in valkey.names(workspace) if not vault.has(name) or vault.get(name) != urls[name]
        }
        if changed:
            vault.put(changed, origin="provisioned")
        write_readable(project, "valkey.conf", configuration(workspace, password))
        running.ensure(project, self._wish(workspace), _valkey_check(urls[valkey.URL]), say)


def configuration(workspace: Workspace, password: str) -> str:
    """The server's configuration. Nothing of it is kept: a rehearsal's cache may be empty after a restart."""
    return (
        f"bind * -::*\nport 6379\nrequirepass {password}\nmaxmemory {workspace.stack.redis.max_memory_mb}mb\n"
        'maxmemory-policy noeviction\nsave ""\ndir /tmp\n'
    )


def _valkey_check(url: Secret) -> Callable[[], str]:
    return lambda: "" if valkey.answers(url) else "it does not answer the vault's password"


def write_readable(project: Project, name: str, text: str) -> None:
    """A file for a container's own user to read, in a folder of this machine that only its owner can enter."""
    folder = project.state / "files"
    make_private(folder)
    file = folder / name
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        if file.is_dir():
            raise RunbookError("LOCAL-001", f"{file} is a folder", next=f"remove {file}")
        write_private(file, text)
    file.chmod(0o644)
