"""Images in place of Langfuse's, made on the spot: Debian's files, Langfuse's layout, the real Node.

What stands for what: busybox is Debian's (as /bin/ash), Python is Debian's and there already (so `apk` only checks what
it is asked for), `prisma` and `migrate` are scripts that answer with their versions, Langfuse's two programs are ours.
The packages that pip installs lie in the image: a build reaches no registry.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from pathlib import Path

from ops.description.paths import ROOT
from ops.services.engine.building import Build, build
from ops.services.engine.engine import Engine

PARTS = Path(os.environ.get("TEST_IMAGE_PARTS") or ROOT / ".tools" / "image-parts")
NEEDED = ("root.tar", "node.tgz", "wheels", "standins")
# What the stand-in for Langfuse imports.
LANGFUSE = "starlette uvicorn msgspec psycopg psycopg-binary bcrypt opentelemetry-proto"

PROGRAMS = Path(__file__).with_name("langfuse")

APK = """#!/bin/sh
# In place of Alpine's: what the Dockerfile asks for is there already, and nothing else can be had.
[ "$*" = "add --no-cache python3" ] && exec python3 --version
echo "ERROR: unable to select packages: $*" >&2
exit 1
"""
PRISMA = "#!/bin/sh\necho 'prisma : 6.19.3'\necho 'Computed binaryTarget : linux-musl-openssl-3.0.x'\n"
MIGRATE = "#!/bin/sh\necho 4.19.1 >&2\n"
ENTRY = '#!/bin/sh\nset -eu\nexec python /app/{part}/standin.py {part} "$@"\n'

ROOT_IMAGE = """FROM scratch
ADD root.tar /
RUN ln -sf busybox /bin/ash \\
    && echo 'nextjs:x:1001:1001::/tmp:/bin/sh' >>/etc/passwd && echo 'nextjs:x:1001:' >>/etc/group
COPY usr /usr
COPY apk /sbin/apk
COPY wheels /opt/wheels
COPY pip.conf /etc/pip.conf
COPY ops /opt/langfuse/ops
RUN python3 -m venv /opt/langfuse/venv \\
    && /opt/langfuse/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check {packages}
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin NODE_ENV=production DOCKER_BUILD=0
"""
PART_IMAGE = """FROM {root}
COPY --chown=1001:1001 app /app
USER 1001
WORKDIR /app
ENTRYPOINT ["dumb-init", "--", "./{part}/entrypoint.sh"]
"""


def lacking() -> str:
    """The first thing that the bases are made of and that is not here; empty when all is."""
    return next((f"{name} for test images" for name in NEEDED if not (PARTS / name).exists()), "")


def make(engine: Engine, folder: Path, version: str, prefix: str) -> dict[str, str]:
    """Build all three images; names of the two that the Dockerfile starts from, by part, and of what has Python.

    Args:
        folder: an empty one to work in.
        version: that Langfuse claims to be.
        prefix: names begin with it.
    """
    root = f"localhost/{prefix}-root"
    _root(folder / "root")
    _build(engine, folder / "root", ROOT_IMAGE.format(packages=LANGFUSE), root)
    names = {"python": root}
    for part, lay in (("web", _web), ("worker", _worker)):
        names[part] = f"localhost/{prefix}-{part}"
        lay(folder / part / "app", version)
        _build(engine, folder / part, PART_IMAGE.format(root=root, part=part), names[part])
    return names


def _build(engine: Engine, folder: Path, dockerfile: str, name: str) -> None:
    (folder / "Dockerfile").write_text(dockerfile)
    build(engine, Build(folder / "Dockerfile", folder, name), folder / "build.log", lambda line: None)


def _root(folder: Path) -> None:
    (folder / "usr" / "local" / "bin").mkdir(parents=True)
    (folder / "usr" / "bin").mkdir()
    os.link(PARTS / "root.tar", folder / "root.tar") if _same_disk(folder) else shutil.copy(PARTS / "root.tar", folder)
    shutil.copytree(PARTS / "wheels", folder / "wheels")
    shutil.copytree(PARTS / "standins", folder / "wheels", dirs_exist_ok=True)
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "ops" / "standins", folder / "ops" / "standins", ignore=unwanted)
    (folder / "ops" / "__init__.py").write_text("")
    (folder / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /opt/wheels\n")
    with tarfile.open(PARTS / "node.tgz") as archive:
        node = archive.extractfile("package/bin/node")
        assert node is not None
        _program(folder / "usr/local/bin/node", node.read())
    _program(folder / "usr/local/bin/prisma", PRISMA.encode())
    _program(folder / "usr/bin/migrate", MIGRATE.encode())
    _program(folder / "apk", APK.encode())


def _same_disk(folder: Path) -> bool:
    return folder.stat().st_dev == PARTS.stat().st_dev


def _web(app: Path, version: str) -> None:
    for name in ("packages/shared/prisma/schema.prisma", "packages/shared/clickhouse/scripts/up.sh", "web/server.js"):
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text("")
    (app / "package.json").write_text(json.dumps({"name": "langfuse", "version": version}))
    _programs(app, "web")


def _worker(app: Path, version: str) -> None:
    (app / "worker" / "dist").mkdir(parents=True)
    (app / "worker" / "dist" / "index.js").write_text("")
    (app / "worker" / "package.json").write_text(json.dumps({"name": "worker", "version": version}))
    _programs(app, "worker")


def _programs(app: Path, part: str) -> None:
    shutil.copy(PROGRAMS / "standin.py", app / part / "standin.py")
    _program(app / part / "entrypoint.sh", ENTRY.format(part=part).encode())


def _program(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    file.chmod(0o755)
