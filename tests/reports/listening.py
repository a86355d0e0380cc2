"""A repository laid out as the shop's, whose progress scripts note what they are told instead of sending it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = ("log-progress.ts", "complete-task.ts", "log-blocked.ts")

NPX = """#!/usr/bin/python3 -S
import json, os, sys
if os.path.exists("refuse"):
    sys.exit("task unknown")
told = {"id": os.environ["PROGRESS_REPORT_ID"], "script": sys.argv[3].rpartition("/")[2], "said": sys.argv[4:]}
with open("calls.jsonl", "a") as calls:
    calls.write(json.dumps(told) + "\\n")
"""


@dataclass(frozen=True)
class Call:
    """One start of a script: the report's mark, the script's name, its arguments."""

    id: str
    script: str
    said: list[str]


class Repository:
    """Made in a folder that need not exist; a file named `refuse` in it makes every script refuse."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "scripts" / "agent").mkdir(parents=True)
        for name in SCRIPTS:
            (folder / "scripts" / "agent" / name).touch()
        (folder / "bin").mkdir()
        (folder / "bin" / "npx").write_text(NPX)
        (folder / "bin" / "npx").chmod(0o755)

    @property
    def path(self) -> str:
        """A PATH on which its npx is."""
        return f"{self.folder / 'bin'}:/usr/bin:/bin"

    @property
    def environ(self) -> dict[str, str]:
        """What has a run report to it."""
        return {"PROGRESS_REPOSITORY": str(self.folder), "PATH": self.path}

    @property
    def calls(self) -> list[Call]:
        """What its scripts have been told, oldest first."""
        file = self.folder / "calls.jsonl"
        return [Call(**json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []
