"""What packages an image holds: Python's, Node's and the system's, read inside a container of it."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ops.runbook.errors import RunbookError
from ops.services.engine.engine import NONSENSE, Engine

READ_S = 300.0

# Runs in the image, with its own Python and without the network; prints one JSON document.
_SCRIPT = r"""
import importlib.metadata, json, os, pathlib, re
found = []
def add(kind, name, version, licence=""):
    if name and version:
        found.append({"kind": kind, "name": name, "version": version, "licence": licence or ""})
for each in importlib.metadata.distributions():
    meta = each.metadata
    add("pypi", meta["Name"], each.version, meta.get("License-Expression") or "")
system = {}
for line in pathlib.Path("/etc/os-release").read_text().splitlines() if os.path.exists("/etc/os-release") else []:
    name, _, value = line.partition("=")
    system[name] = value.strip('"')
for file, separator, names in (("/lib/apk/db/installed", ":", "PVL"), ("/var/lib/dpkg/status", ": ", None)):
    if not os.path.exists(file):
        continue
    keys = ("P", "V", "L") if names else ("Package", "Version", "-")
    for block in pathlib.Path(file).read_text(errors="replace").split("\n\n"):
        row = dict(line.split(separator, 1) for line in block.splitlines() if separator in line and line[0] != " ")
        add("apk" if names else "deb", row.get(keys[0]), row.get(keys[1]), row.get(keys[2]))
for folder, folders, files in os.walk("/app"):
    if "package.json" in files and pathlib.Path(folder).parts.count("node_modules"):
        try:
            row = json.loads(pathlib.Path(folder, "package.json").read_text(errors="replace"))
        except ValueError:
            continue
        licence = row.get("license")
        add("npm", row.get("name"), row.get("version"), licence if isinstance(licence, str) else "")
print(json.dumps({"system": system.get("ID", ""), "release": system.get("VERSION_ID", ""), "packages": found}))
"""


@dataclass(frozen=True, order=True)
class Package:
    """One package: which kind (``pypi``, ``npm``, ``apk``, ``deb``), its name, version, and licence if it says one."""

    kind: str
    name: str
    version: str
    licence: str = ""


@dataclass(frozen=True)
class Contents:
    """The packages of an image, each once, and the system they were made for, such as ``alpine`` ``3.22``."""

    system: str
    release: str
    packages: tuple[Package, ...]


def contents(engine: Engine, image: str) -> Contents:
    """Read them; takes seconds.

    Raises:
        RunbookError: ENGINE-004 there is no such image; ENGINE-005 it answered something else.
    """
    words = ("run", "--rm", "--interactive", "--network=none", *engine.options.run, image, "/opt/venv/bin/python", "-")
    doing = f"reading the packages of {image}"
    said = engine.run(doing, *words, input=_SCRIPT.encode(), timeout=READ_S).stdout
    try:
        answer = json.loads(said.strip().splitlines()[-1])
        packages = {Package(**row) for row in answer["packages"]}
        return Contents(str(answer["system"]), str(answer["release"]), tuple(sorted(packages)))
    except (ValueError, IndexError, KeyError, TypeError):
        raise RunbookError(NONSENSE, f"{doing} gave an answer that is no list of packages", said[-200:]) from None
