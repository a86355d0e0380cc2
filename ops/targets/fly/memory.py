"""A local record of facts about the Fly apps that Fly does not report, kept between runs.

Losing it costs one restart, never data: whatever is not remembered is made so again.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from ops.runbook.files import write_atomic


class Memory:
    """One JSON file of nested names and values, private to its owner; safe to use from several threads.

    Args:
        file: need not exist yet.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()

    def get(self, section: str, name: str) -> dict[str, Any]:
        """What is remembered under a name of a section; empty when nothing is, or the file is not sound."""
        found = self._read().get(section, {}).get(name, {})
        return dict(found) if isinstance(found, dict) else {}

    def names(self, section: str) -> list[str]:
        """The names of a section."""
        return sorted(self._read().get(section, {}))

    def put(self, section: str, name: str, values: dict[str, Any]) -> None:
        """Remember `values` in place of what was there."""
        with self._lock:
            content = self._read()
            if content.setdefault(section, {}).get(name) != values:
                content[section][name] = values
                write_atomic(self.file, json.dumps(content, indent=1, sort_keys=True) + "\n", 0o600)

    def forget(self, section: str, name: str) -> None:
        """Remember nothing of it."""
        with self._lock:
            content = self._read()
            if content.get(section, {}).pop(name, None) is not None:
                write_atomic(self.file, json.dumps(content, indent=1, sort_keys=True) + "\n", 0o600)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            content = json.loads(self.file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}
