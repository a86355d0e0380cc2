"""All rendered files: what they hold, how they differ from what lies on disk, and how they get there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ops.render import edge_lock, processes
from ops.render.edge import caddyfile
from ops.render.template import fill

if TYPE_CHECKING:
    from ops.stack import Stack
    from ops.world import World

CLICKHOUSE_VOLUME = "clickhouse_data"
CLICKHOUSE_ADMIN = "admin"
MINIO_VOLUME = "minio_data"

DOCKERFILE = ("Dockerfile", ".dockerignore", "edge.lock")
SCRIPTS = (
    "bin/start-edge.sh",
    "bin/start-litellm.sh",
    "bin/start-langfuse.sh",
    "bin/start-langfuse-worker.sh",
    "bin/leave-slowly.sh",
)
LITELLM = ("config/litellm.config.yaml",)
CLICKHOUSE = (
    "clickhouse/fly.toml",
    "clickhouse/Dockerfile",
    "clickhouse/config.d/docker_related_config.xml",
    "clickhouse/users.d/users.xml",
)
MINIO = ("minio/fly.toml", "minio/Dockerfile")


def platform_files(stack: Stack) -> tuple[str, ...]:
    """The files of step 2.4: what Fly and the edge are told, and the apps beside the gateway."""
    return ("fly.toml", "config/Caddyfile", *CLICKHOUSE, *(MINIO if stack.storage.provider == "minio" else ()))


def names(stack: Stack) -> tuple[str, ...]:
    """Every rendered file, relative to the stack's folder."""
    return (*DOCKERFILE, *SCRIPTS, *LITELLM, *platform_files(stack))


def render_all(stack: Stack) -> dict[str, str]:
    """Every rendered file: path relative to the stack's folder → text. Pure: same stack, same texts."""
    return {name: render(stack, name) for name in names(stack)}


def render(stack: Stack, name: str) -> str:
    """The text of one rendered file; `name` as in `names`."""
    if name == "config/Caddyfile":
        return caddyfile(stack)
    if name == "edge.lock":
        return edge_lock.render()
    return fill(f"{name}.j2", stack=stack, **_values(stack))


def _values(stack: Stack) -> dict[str, object]:
    """What the templates use beside the stack itself."""
    from ops.render import litellm, sizes
    from ops.render.edge import answer_s

    return {
        "gateway": processes.gateway(stack),
        "ui": processes.ui(stack),
        "worker": processes.worker(stack),
        "env": processes.env(stack),
        "consumers_on": processes.CONSUMERS_ON,
        "consumers_off": processes.CONSUMERS_OFF,
        "kill_s": processes.KILL_S,
        "answer_s": answer_s(stack),
        "prices": litellm.prices(stack),
        "self_test_team": litellm.self_test_team(stack),
        "max_body_bytes": sizes.parse(stack.edge.max_body),
        "clickhouse_admin": CLICKHOUSE_ADMIN,
        "volumes": {"clickhouse": CLICKHOUSE_VOLUME, "minio": MINIO_VOLUME},
    }


def mode(name: str) -> int:
    """Permissions of a rendered file."""
    return 0o755 if name.startswith("bin/") else 0o644


def drift(world: World, only: tuple[str, ...] | None = None) -> str:
    """What rendering would change on disk, as one unified diff; empty when nothing.

    Args:
        only: names of the files to compare; None for all. Files that are not rendered are never looked at.
    """
    stack, folder = world.stack, world.gateway_dir
    return "".join(_difference(folder, name, render(stack, name)) for name in only or names(stack))


def _difference(folder: Path, name: str, want: str) -> str:
    file = folder / name
    try:
        have = file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        have = None
    if have != want:
        import difflib

        lines = difflib.unified_diff(
            (have or "").splitlines(keepends=True),
            want.splitlines(keepends=True),
            f"a/{name}" if have is not None else "/dev/null",
            f"b/{name}",
        )
        # A file cut off in mid-line must not run into the next line of the difference.
        return "".join(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n" for line in lines)
    have_mode = file.stat().st_mode & 0o777
    # Only whether it can be executed is the repository's business; the rest is the operator's umask.
    if bool(have_mode & 0o100) != bool(mode(name) & 0o100):
        return f"--- a/{name}\n+++ b/{name}\nold mode {have_mode:o}\nnew mode {mode(name):o}\n"
    return ""


def write(world: World, only: tuple[str, ...] | None = None) -> list[str]:
    """Bring the rendered files on disk to what the stack says; returns the names of those that changed.

    Args:
        only: names of the files to write; None for all. Files that are not rendered are left alone.

    Raises:
        OSError: a file cannot be written; each file is whole, old or new.
    """
    from ops.runbook.files import write_atomic

    changed = []
    for name in only or names(world.stack):
        want = render(world.stack, name)
        if _difference(world.gateway_dir, name, want):
            write_atomic(world.gateway_dir / name, want, mode(name))
            changed.append(name)
    return changed
