"""The real readers of the rendered files: hadolint, shellcheck, Caddy, and flyctl where it is there."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ops.description import environments
from ops.runbook import proc
from ops.validate.finding import Finding


@dataclass(frozen=True)
class Place:
    """Where the rendered files lie, and where the tools that read them are looked for.

    Attributes:
        folder: the stack's folder, which file names are relative to.
        root: the checkout, whose `.tools/bin` is searched.
        path: the operator's PATH.
    """

    folder: Path
    root: Path
    path: str


def find(place: Place, name: str) -> Path | None:
    """Where a tool is: beside this Python, in the rehearsal's environment, in `.tools/bin`, or on PATH."""
    rehearsal = environments.rehearsal(place.root)
    folders = [str(Path(sys.prefix) / "bin"), str(place.root / ".tools" / "bin"), place.path]
    if rehearsal.is_complete:
        folders.insert(1, str(rehearsal.folder / "bin"))
    found = shutil.which(name, path=os.pathsep.join(folders))
    return Path(found) if found else None


def identity(place: Place, *names: str) -> list[str]:
    """What tells one set of tools from another: where each is, its size and time. Cheap; runs nothing."""
    result = []
    for name in names:
        tool = find(place, name)
        stat = tool.stat() if tool else None
        result.append(f"{tool} {stat.st_size} {stat.st_mtime_ns}" if stat else f"no {name}")
    return result


def _absent(file: str, tool: str) -> list[Finding]:
    return [Finding(file, f"not checked: {tool} is not on this machine (inv build.all brings it)", warning=True)]


def _environment(home: str) -> dict[str, str]:
    """A tool's whole environment: no secret of ours, and a home that is thrown away."""
    return {"PATH": os.defpath, "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home, "NO_COLOR": "1"}


def hadolint(place: Place, file: str) -> list[Finding]:
    """Check a Dockerfile; every finding counts, informal ones too."""
    tool = find(place, "hadolint")
    if tool is None:
        return _absent(file, "hadolint")
    with tempfile.TemporaryDirectory() as home:
        # In an empty folder with an empty home it finds no configuration of the operator's.
        done = proc.run([tool, "--no-color", place.folder / file], env=_environment(home), cwd=home, check=False)
    return _lines(place, file, done)


def shellcheck(place: Place, files: tuple[str, ...]) -> list[Finding]:
    """Check the start scripts as POSIX sh."""
    tool = find(place, "shellcheck")
    if tool is None:
        return _absent(files[0], "shellcheck")
    with tempfile.TemporaryDirectory() as home:
        done = proc.run(
            [tool, "--norc", "--shell=sh", "--format=gcc", *(place.folder / file for file in files)],
            env=_environment(home),
            cwd=home,
            check=False,
        )
    return _lines(place, "bin", done)


def caddy(place: Place, file: str) -> list[Finding]:
    """Check a Caddyfile: that Caddy takes it, and that it is written as Caddy writes it.

    `caddy validate` is not read-only (it opens logs and storage), so it works in a folder that is thrown away.
    """
    tool = find(place, "caddy")
    if tool is None:
        return _absent(file, "caddy")
    with tempfile.TemporaryDirectory() as home:
        path = place.folder / file
        environment = _environment(home)
        valid = proc.run(
            [tool, "validate", "--config", path, "--adapter", "caddyfile"], env=environment, cwd=home, check=False
        )
        if valid.returncode != 0:
            return [Finding(file, _last(valid))]
        form = proc.run([tool, "fmt", "--diff", path], env=environment, cwd=home, check=False)
    changes = [line for line in form.stdout.splitlines() if line.startswith(("- ", "+ ", "-\t", "+\t"))]
    return [Finding(file, "not in Caddy's own form: " + changes[0])] if changes else []


def flyctl(place: Place, file: str) -> list[Finding]:
    """Let flyctl check a fly.toml, where flyctl is there. It does not notice misspelt keys inside tables."""
    tool = find(place, "flyctl")
    if tool is None:
        return []
    with tempfile.TemporaryDirectory() as home:
        nowhere = "http://127.0.0.1:9"
        done = proc.run(
            [tool, "config", "validate", "--strict", "--config", place.folder / file],
            env={
                **_environment(home),
                "FLY_CONFIG_DIR": home,
                "FLY_API_BASE_URL": nowhere,
                "FLY_FLAPS_BASE_URL": nowhere,
                "FLY_UIEX_BASE_URL": nowhere,
                # It asks for some token before it reads the file, and sends it nowhere.
                "FLY_API_TOKEN": "none",
                "FLY_SEND_METRICS": "0",
                "FLY_NO_UPDATE_CHECK": "1",
                "FLY_NO_INCIDENTS_CHECK": "1",
            },
            cwd=home,
            check=False,
        )
    return [Finding(file, _last(done))] if done.returncode != 0 else []


def _lines(place: Place, file: str, done: proc.Completed) -> list[Finding]:
    """One finding per line a tool printed, paths made relative; a failure without a word is one too."""
    folder = f"{place.folder}{os.sep}"
    text = [line.replace(folder, "") for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    findings = []
    for line in text:
        name, colon, rest = line.partition(":")
        known = bool(colon) and (place.folder / name).is_file()
        findings.append(Finding(name, rest.strip()) if known else Finding(file, line))
    if not findings and done.returncode != 0:
        findings.append(Finding(file, f"{Path(done.argv[0]).name} ended with exit code {done.returncode}"))
    return findings


def _last(done: proc.Completed) -> str:
    """The last line of what a tool said."""
    return (done.last_words.splitlines() or [f"exit code {done.returncode}"])[-1]
