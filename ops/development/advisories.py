"""Known faults of exact versions, as pip-audit and npm have them from the databases that they ask."""

from __future__ import annotations

import shutil
import sys
import tempfile
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ops.runbook import proc
from ops.runbook.errors import RunbookError

PIP_AUDIT = Path(sys.executable).parent / "pip-audit"
TIMEOUT_S = 900.0
"""For all questions of a run together: pip-audit asks for one package after another."""

REASON = 200
"""Characters of a program's words on why there is no answer."""

Pin = tuple[str, str]
"""A package's name, and its exact version."""


@dataclass(frozen=True)
class Advisory:
    """A known fault.

    Attributes:
        id: as the database that was asked calls it.
        aliases: what others call it.
        fixed: the versions without it; empty where none is known.
    """

    id: str
    aliases: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All its names, its own first."""
        return (self.id, *self.aliases)


@dataclass(frozen=True)
class Answer:
    """What was heard.

    Attributes:
        known: the faults of each version that was asked for and answered; none is an empty tuple.
        silence: why there was no answer for the others.
    """

    known: Mapping[Pin, tuple[Advisory, ...]]
    silence: str = ""


def of_python(pins: Collection[Pin]) -> Answer:
    """Ask pip-audit, which asks OSV, for each of these once."""
    known: dict[Pin, tuple[Advisory, ...]] = {}
    silence = ""
    for part in _apart(pins):
        heard = _pip_audit(part)
        known.update(heard.known)
        silence = silence or heard.silence
        if not heard.known:  # nor would there be an answer to the others
            break
    return Answer(known, silence)


def of_npm(lock: Path) -> Answer:
    """Ask npm for all that a `package-lock.json` names."""
    installed = npm_pins(lock)
    npm = shutil.which("npm")
    if npm is None:
        return Answer({}, "no npm on this machine")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", lock.name):
            shutil.copyfile(lock.with_name(name), Path(folder, name))
        said = _asked([npm, "audit", "--audit=true", "--json", "--package-lock-only"], folder)
    try:
        report = msgspec.json.decode(said.stdout, type=_NpmReport)
    except msgspec.MsgspecError:
        return Answer({}, _reason(said))
    known: dict[Pin, tuple[Advisory, ...]] = dict.fromkeys(installed.values(), ())
    for fault in report.vulnerabilities.values():
        own = [via for via in fault.via if isinstance(via, _NpmVia)]
        for node in fault.nodes:  # where its versions that have the fault are put
            known[installed[node]] = tuple(Advisory(via.url.rpartition("/")[2]) for via in own)
    return Answer(known)


def npm_pins(lock: Path) -> dict[str, Pin]:
    """The packages of a `package-lock.json` by where they are put."""
    packages = msgspec.json.decode(lock.read_bytes(), type=_NpmLock).packages
    return {
        place: (package.name or place.rpartition("node_modules/")[2], package.version)
        for place, package in packages.items()
        if place
    }


def _apart(pins: Collection[Pin]) -> list[list[Pin]]:
    """The same in as few parts as can be with no package twice in one: pip-audit refuses that."""
    parts: list[dict[str, str]] = []
    for name, version in sorted(set(pins)):
        for part in parts:
            if name not in part:
                part[name] = version
                break
        else:
            parts.append({name: version})
    return [list(part.items()) for part in parts]


def _pip_audit(pins: Collection[Pin]) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "requirements.txt")
        file.write_text("".join(f"{name}=={version}\n" for name, version in pins), encoding="utf-8")
        command: list[str | Path] = [PIP_AUDIT, "-r", file, "--no-deps", "--disable-pip", "--aliases", "on"]
        said = _asked([*command, "-s", "osv", "-f", "json", "--desc", "off", "--progress-spinner", "off"], folder)
    try:
        report = msgspec.json.decode(said.stdout, type=_PipReport)
    except msgspec.MsgspecError:
        return Answer({}, _reason(said))
    given = {name.lower(): (name, version) for name, version in pins}
    known = {
        given[package.name]: tuple(Advisory(it.id, it.aliases, it.fix_versions) for it in package.vulns)
        for package in report.dependencies
        if not package.skip_reason
    }
    return Answer(known, next((it.skip_reason for it in report.dependencies if it.skip_reason), ""))


def _asked(command: list[str | Path], folder: str) -> proc.Completed:
    try:
        return proc.run(command, cwd=folder, timeout=TIMEOUT_S, check=False)
    except RunbookError as error:
        return proc.Completed(tuple(map(str, command)), 1, "", error.what)


def _reason(said: proc.Completed) -> str:
    """What a program that did not answer says of it, in short."""
    try:
        words = msgspec.json.decode(said.stdout, type=_NpmRefusal).message
    except msgspec.MsgspecError:
        words = (said.stderr.strip() or said.stdout.strip() or "nothing").splitlines()[-1]
    return f"{Path(said.argv[0]).name}: {textwrap.shorten(words, REASON)}"


class _PipVulnerability(msgspec.Struct):
    id: str
    fix_versions: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


class _PipPackage(msgspec.Struct):
    name: str
    version: str = ""
    vulns: tuple[_PipVulnerability, ...] = ()
    skip_reason: str = ""


class _PipReport(msgspec.Struct):
    dependencies: tuple[_PipPackage, ...]


class _NpmVia(msgspec.Struct):
    url: str


class _NpmVulnerability(msgspec.Struct):
    via: tuple[_NpmVia | str, ...]
    nodes: tuple[str, ...]


class _NpmReport(msgspec.Struct):
    vulnerabilities: dict[str, _NpmVulnerability]


class _NpmRefusal(msgspec.Struct):
    message: str


class _NpmPackage(msgspec.Struct):
    name: str = ""
    version: str = ""


class _NpmLock(msgspec.Struct):
    packages: dict[str, _NpmPackage]
