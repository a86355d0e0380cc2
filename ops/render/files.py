"""All rendered files: their names, texts and permissions, from the description alone."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ops.description import sizes
from ops.render import edge_lock, langfuse_features, processes
from ops.render.edge import caddyfile
from ops.render.template import TEMPLATES, fill

if TYPE_CHECKING:
    from ops.description.stack import Stack

CLICKHOUSE_VOLUME = "clickhouse_data"
CLICKHOUSE_ADMIN = "admin"
MINIO_VOLUME = "minio_data"

DOCKERFILE = ("Dockerfile", ".dockerignore", "edge.lock")
SCRIPTS = (
    "bin/start-edge.sh",
    "bin/start-litellm.sh",
    "bin/start-langfuse.sh",
    "bin/start-langfuse-worker.sh",
    "bin/start-watch.sh",
    "bin/leave-slowly.sh",
)
LITELLM = ("config/litellm.config.yaml", "config/watch.toml")
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
    from ops.render import litellm
    from ops.render.edge import answer_s

    return {
        "gateway": processes.gateway(stack),
        "ui": processes.ui(stack),
        "worker": processes.worker(stack),
        "watch": processes.watch(stack),
        "env": processes.env(stack),
        "consumers": langfuse_features.consumers(stack.langfuse.also_on),
        "kill_s": processes.KILL_S,
        "answer_s": answer_s(stack),
        "prices": litellm.prices(stack),
        "self_test_team": litellm.self_test_team(stack),
        "max_body_bytes": sizes.parse(stack.edge.max_body),
        "caddy_version": edge_lock.version(),
        "clickhouse_admin": CLICKHOUSE_ADMIN,
        "volumes": {"clickhouse": CLICKHOUSE_VOLUME, "minio": MINIO_VOLUME},
    }


@cache
def source() -> str:
    """Digest of what rendering depends on beside the stack: templates, the edge's lock, the code that fills them."""
    folders = (Path(__file__).parent, TEMPLATES, Path(sizes.__file__).parent)
    texts = [file for folder in folders for file in folder.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    sum_ = hashlib.sha256()
    for file in sorted([*texts, edge_lock.LOCK]):
        sum_.update(f"{file}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return sum_.hexdigest()


def mode(name: str) -> int:
    """Permissions of a rendered file."""
    return 0o755 if name.startswith("bin/") else 0o644
