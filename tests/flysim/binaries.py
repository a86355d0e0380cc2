"""Which flyctl programs tests can run: the real one where it is installed, and the quick double everywhere."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from pathlib import Path

from tests.lacking import lacking

ROOT = Path(__file__).resolve().parents[2]
WHY_NOT = lacking("no real flyctl on PATH, in .tools/bin or named in FLYCTL")


def real() -> Path | None:
    """The real flyctl: FLYCTL, then .tools/bin, then PATH."""
    named = os.environ.get("FLYCTL")
    if named:
        return Path(named)
    own = ROOT / ".tools" / "bin" / "flyctl"
    if own.is_file():
        return own
    found = shutil.which("flyctl")
    return Path(found) if found else None


def double(folder: Path, *, lease_patience_s: float = 60.0) -> Path:
    """Write a `flyctl` into `folder` that runs the double with this interpreter; returns its path.

    Args:
        lease_patience_s: how long it tries to get a lease that is held; a minute, as flyctl.
    """
    script = folder / "flyctl"
    folder.mkdir(parents=True, exist_ok=True)
    script.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.flysim import double, double_deploy\n"
        f"double_deploy.LEASE_PATIENCE_S = {lease_patience_s}\nsys.exit(double.main(sys.argv[1:]))\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def recording(binary: Path, folder: Path, log: Path) -> Path:
    """Write a `flyctl` that appends its arguments and folder listing to `log`, then becomes `binary`."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "flyctl"
    script.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        f"with open({str(log)!r}, 'a') as out:\n"
        "    out.write(json.dumps({'argv': sys.argv, 'env': sorted(os.environ)}) + '\\n')\n"
        f"os.execv({str(binary)!r}, [{str(binary)!r}, *sys.argv[1:]])\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script
