"""On what a benchmark ran: the machine, and the versions of what was measured."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def facts() -> dict[str, Any]:
    """The machine and the moment."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal"))
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(int(memory.split()[1]) / 2**20),
        "system": f"{platform.freedesktop_os_release().get('PRETTY_NAME', 'Linux')}, Linux {platform.release()}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load": round(os.getloadavg()[0], 1),
    }


def package(interpreter: Path, name: str) -> str:
    """The version of a package in a Python environment."""
    return _ask(interpreter, f"from importlib.metadata import version; print(version({name!r}))")


def python(interpreter: Path) -> str:
    """An interpreter's version, as `Python 3.11.7`."""
    return f"Python {_ask(interpreter, 'import platform; print(platform.python_version())')}"


def _ask(interpreter: Path, program: str) -> str:
    done = subprocess.run([interpreter, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.strip()
