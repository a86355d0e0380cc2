"""The engine of this machine: which it is, whether it answers, and running its commands."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ops.runbook.errors import RunbookError
from ops.runbook.proc import Completed, run
from ops.services.engine import suiting

SETTING = "RUNBOOK_ENGINE"
KNOWN = ("docker", "podman")
ABSENT, REFUSED, FULL, FAILED, NONSENSE = "ENGINE-001", "ENGINE-002", "ENGINE-003", "ENGINE-004", "ENGINE-005"
ASK_S = 30.0
NO_ROOM = "no space left on device"


@dataclass(frozen=True)
class Engine:
    """An engine that answers.

    Attributes:
        kind: ``docker`` or ``podman``.
        program: path of its command line tool.
        version: as it says.
        runtime: what runs its containers, such as ``runc``.
        rootless: whether it runs without root.
        storage: where it keeps images, as its own host names the folder; empty when not told.
        options: what it must be told on this host.
    """

    kind: str
    program: str
    version: str
    runtime: str
    rootless: bool
    storage: str
    options: suiting.Options

    def __str__(self) -> str:
        return f"{self.kind} {self.version} ({self.runtime}{', rootless' if self.rootless else ''})"

    def words(self, *arguments: str | Path) -> list[str]:
        """A command's argument list."""
        return [self.program, *self.options.always, *map(str, arguments)]

    def run(self, doing: str, *arguments: str | Path, input: bytes | None = None, timeout: float = ASK_S) -> Completed:
        """Run one command to its end.

        Args:
            doing: what it does, as the start of an error sentence.
            arguments: its arguments; no secret among them.
            input: bytes for its standard input.
            timeout: seconds.

        Raises:
            RunbookError: ENGINE-003 no room on the disk, ENGINE-004 it failed otherwise.
        """
        done = run(self.words(*arguments), input=input, timeout=timeout, check=False)
        if done.returncode != 0:
            raise self.failure(doing, done.last_words)
        return done

    def json(self, doing: str, *arguments: str, timeout: float = ASK_S) -> Any:
        """Run one command and return its answer, decoded; arguments as `run`, `timeout` in seconds.

        Raises:
            RunbookError: as `run`; ENGINE-005 the answer is no JSON.
        """
        return _decoded(doing, self.run(doing, *arguments, timeout=timeout).stdout)

    def failure(self, doing: str, said: str) -> RunbookError:
        """What a failed command means."""
        if NO_ROOM in said.lower():
            return RunbookError(
                FULL,
                f"{doing} failed: {self.kind} has no room left in {self.storage or 'its storage'}",
                said,
                f"{self.kind} system df, then {self.kind} system prune, or give it more disk",
            )
        return RunbookError(FAILED, f"{doing} failed: {self.kind} refused it", said, "mend what it complains of")

    @property
    def free_bytes(self) -> int | None:
        """Room where it keeps images; None where that is no folder of this machine."""
        folder = Path(self.storage)
        return shutil.disk_usage(folder).free if self.storage and folder.is_dir() else None

    def require_room(self, least: int) -> None:
        """Refuse to begin what the disk cannot hold.

        Args:
            least: bytes.

        Raises:
            RunbookError: ENGINE-003 there is less room.
        """
        free = self.free_bytes
        if free is not None and free < least:
            raise RunbookError(
                FULL,
                f"{self.storage} has {free / 1e9:.1f} GB left, and {least / 1e9:.1f} GB are needed",
                f"{self.kind} keeps its images there",
                f"{self.kind} system df, then {self.kind} system prune, or give it more disk",
            )


def find(environ: Mapping[str, str]) -> Engine:
    """The engine that RUNBOOK_ENGINE names, else the first of docker and podman that answers.

    Args:
        environ: the operator's settings.

    Raises:
        RunbookError: ENGINE-001 there is none, ENGINE-002 none answers.
    """
    named = environ.get(SETTING, "")
    path = environ.get("PATH")
    programs = [found for name in ([named] if named else KNOWN) if (found := shutil.which(name, path=path))]
    if not programs:
        raise RunbookError(
            ABSENT,
            f"{named or 'neither docker nor podman'} is {'not ' if named else ''}installed, or not on PATH",
            f"{SETTING} names it" if named else "images are built and run by one of them",
            f"correct {SETTING}" if named else "install Docker or podman (Debian: apt install podman buildah runc)",
            blocked=True,
        )
    refusals = []
    for program in programs:
        try:
            return _ask(program, path)
        except RunbookError as error:
            refusals.append(error)
    raise refusals[0]


def _ask(program: str, path: str | None) -> Engine:
    """The engine behind a program.

    Raises:
        RunbookError: ENGINE-002 nobody answers it.
    """
    # A program called docker may be podman's.
    version = run([program, "--version"], timeout=ASK_S, check=False).stdout.lower()
    kind = "podman" if "podman" in version else "docker"
    form = "json" if kind == "podman" else "{{json .}}"
    done = run([program, "info", "--format", form], timeout=ASK_S, check=False)
    doing = f"asking {kind} about itself"
    info = _decoded(doing, done.stdout) if done.stdout.strip() else {}
    if done.returncode != 0 or info.get("ServerErrors"):
        why = (done.stderr.strip() or "; ".join(info.get("ServerErrors") or [])).splitlines()
        start = "systemctl start docker" if kind == "docker" else "podman info"
        raise RunbookError(
            REFUSED,
            f"{program} is installed, but its engine does not answer",
            why[-1] if why else f"exit code {done.returncode}",
            f"{start} (and may this user reach it?), or name another engine in {SETTING}",
            blocked=True,
        )
    return _podman(program, info, path) if kind == "podman" else _docker(program, info)


def _podman(program: str, info: Mapping[str, Any], path: str | None) -> Engine:
    options = suiting.for_podman(info, suiting.Host.look(path))
    about = info.get("host", {})
    runtime = "runc" if "runc" in options.always else str(about.get("ociRuntime", {}).get("name", "?"))
    return Engine(
        "podman",
        program,
        str(info.get("version", {}).get("Version", "?")),
        runtime,
        bool(about.get("security", {}).get("rootless")),
        str(info.get("store", {}).get("graphRoot", "")),
        options,
    )


def _docker(program: str, info: Mapping[str, Any]) -> Engine:
    security: Sequence[str] = info.get("SecurityOptions") or ()
    return Engine(
        "docker",
        program,
        str(info.get("ServerVersion") or "?"),
        str(info.get("DefaultRuntime") or "?"),
        any("rootless" in line for line in security),
        str(info.get("DockerRootDir") or ""),
        suiting.Options(),
    )


def _decoded(doing: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise RunbookError(
            NONSENSE, f"{doing} gave an answer that is not JSON", text[:200], f"another engine in {SETTING}"
        ) from None
