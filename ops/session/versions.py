"""What runs, for the page of handing over: versions, locks, and each group's release and image by digest."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path

from ops.reports.recording import DONE
from ops.runbook.errors import RunbookError
from ops.runbook.journal import Journal
from ops.targets.deployment import Deployment

UNKNOWN = "unknown"
LOCKS = ("requirements.lock", "{folder}/requirements.lock", "{folder}/edge.lock")
LITELLM = re.compile(r"^litellm==([^ ;\\]+)", re.MULTILINE)
NO_MACHINES = "FLY-051"


def rows(deployment: Deployment) -> list[tuple[str, str]]:
    """What and its value as Markdown cells; a value that could not be seen is unknown, and says why."""
    folder = deployment.stack.stack.folder
    root = deployment.paths.root
    last = Journal(deployment.paths.state / "journal.jsonl").last_outcomes().get("deploy.release")
    deployed = f"{last['evidence']} (at {last['at']})" if last and last["status"] in DONE else UNKNOWN
    return [
        ("LiteLLM, as locked", _litellm(root / folder / "requirements.lock")),
        ("Langfuse, as described", deployment.stack.images.langfuse_version),
        *((f"`{name}`, SHA-256", _digest(root / name)) for name in (each.format(folder=folder) for each in LOCKS)),
        ("last deploy", deployed),
        *_running(deployment),
    ]


def _litellm(lock: Path) -> str:
    match = LITELLM.search(lock.read_text(encoding="utf-8")) if lock.is_file() else None
    return match[1] if match else UNKNOWN


def _digest(file: Path) -> str:
    return f"`{hashlib.sha256(file.read_bytes()).hexdigest()}`" if file.is_file() else UNKNOWN


def _running(deployment: Deployment) -> list[tuple[str, str]]:
    """Each app's groups: how many machines run which release and image. A target without machines has none."""
    try:
        machines = deployment.target.machines()
    except RunbookError as error:
        return [] if error.code == NO_MACHINES else [("machines", f"{UNKNOWN}: {error.what}")]
    if not machines:
        return [("machines", "none")]
    alike = Counter((each.app, each.group, each.release, each.image, each.digest) for each in machines)
    return [
        (f"`{app}`, {group}", f"{count} x {f'v{release}, ' if release else ''}`{image}`, {_image(digest)}")
        for (app, group, release, image, digest), count in sorted(alike.items())
    ]


def _image(digest: str) -> str:
    return f"`{digest}`" if digest else f"digest {UNKNOWN}"
