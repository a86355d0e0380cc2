"""`docs/dependencies.md` names every package of the locks that brings a program or a shared library along."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ops.description.paths import ROOT
from ops.development.check import GATEWAY_VENV, PEERS_VENV, STOCK_VENV, gateway_project
from ops.development.clients import FOLDER, SOURCE
from tests.lacking import lacking

WHERE = ("production", "operator", "rehearsal", "development", "tests")
"""From what is nearest to production on."""
HERE = Path(sys.prefix)
LOCKS = {
    gateway_project() / "requirements.lock": ("production", GATEWAY_VENV),
    gateway_project() / "edge.lock": ("production", HERE),
    ROOT / "requirements.lock": ("operator", HERE),
    ROOT / "ops" / "targets" / "local" / "requirements.lock": ("rehearsal", HERE),
    ROOT / "ops" / "development" / "requirements.lock": ("development", HERE),
    gateway_project() / "requirements-test.lock": ("development", GATEWAY_VENV),
}
"""Where a lock's packages go, and an environment that holds all of them."""
OTHERS = {
    **{SOURCE / "python" / name / "requirements.lock": FOLDER / "python" / name for name in ("current", "llamaindex")},
    ROOT / "tests" / "bench" / "stock" / "requirements.lock": STOCK_VENV,
    ROOT / "tests" / "bench" / "peers" / "requirements.lock": PEERS_VENV,
}
"""Other people's programs, which tests and benchmarks run: looked at where they are installed."""
MACHINE_CODE = (b"\x7fELF", b"MZ", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\0asm")
"""How programs and libraries begin: of Linux, Windows, macOS, Java and WebAssembly."""
EXTENSION = re.compile(r"\.(cpython-\w+|abi3)[\w-]*\.so$|\.(cp\d+-\w+)\.pyd$")
"""How the file of an extension module is named."""


def locked(lock: Path) -> dict[str, str]:
    """The versions of a lock's packages that are for this machine and this Python."""
    found: dict[str, str] = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if line[:1].isalnum():
            wanted = Requirement(line.rstrip("\\ "))
            if wanted.marker is None or wanted.marker.evaluate():
                found[canonicalize_name(wanted.name)] = str(wanted.specifier).removeprefix("==")
    return found


def installed(environment: Path) -> dict[str, Distribution]:
    """What is in a virtual environment, by canonical name."""
    folders = [str(folder) for folder in environment.glob("lib*/python*/site-packages")]
    return {canonicalize_name(it.name): it for it in distributions(path=folders)}


def holds(environment: Mapping[str, Distribution], packages: Mapping[str, str]) -> bool:
    """Whether an environment is what a lock says now."""
    return all(name in environment and environment[name].version == it for name, it in packages.items())


def binaries(package: Distribution) -> Iterator[str]:
    """The files of a package that are machine code and no extension module."""
    for file in package.files or ():
        if file.suffix in (".py", ".pyi", ".txt", ".typed") or EXTENSION.search(file.name):
            continue
        path = Path(str(file.locate()))
        if path.is_file():
            with path.open("rb") as opened:
                if opened.read(4).startswith(MACHINE_CODE):
                    yield str(file)


def named() -> dict[str, str]:
    """Package → where, of the document's table."""
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| `([^`]+)` \| (\w+) \|", text, re.MULTILINE))


@pytest.fixture(scope="module")
def environments() -> Mapping[Path, Mapping[str, Distribution]]:
    if not (GATEWAY_VENV / ".installed").is_file():
        pytest.skip(lacking("no environment of the gateway's tests", "./inv dev.gateway"))
    return {HERE: installed(HERE), GATEWAY_VENV: installed(GATEWAY_VENV)}


def test_each_package_with_a_binary_is_named_and_no_other(
    environments: Mapping[Path, Mapping[str, Distribution]],
) -> None:
    found: dict[str, str] = {}
    for lock, (where, environment) in LOCKS.items():
        packages = locked(lock)
        assert packages, lock
        for name, version in packages.items():
            package = environments[environment].get(name)
            assert package is not None, f"{name} of {lock} is not installed in {environment}: nothing to look at"
            assert package.version == version, f"{name} of {lock} is at {package.version} in {environment}"
            if any(binaries(package)):
                found[name] = min(found.get(name, where), where, key=WHERE.index)
    looked_at = [*LOCKS]
    for lock, folder in OTHERS.items():
        packages, there = locked(lock), installed(folder)
        if holds(there, packages):
            looked_at.append(lock)
            for name in packages:
                if any(binaries(there[name])):
                    found.setdefault(name, "tests")
    in_document = named()
    assert found == {name: where for name, where in in_document.items() if name in found}
    # Some have no file for this machine, and what a macOS lends a library does not come in the package.
    elsewhere = {name for name in in_document if not any(name in locked(lock) for lock in looked_at)}
    if sys.platform == "linux":
        assert in_document.keys() - found.keys() == elsewhere
    assert all(
        any(f"\n{name}==" in lock.read_text(encoding="utf-8") for lock in (*LOCKS, *OTHERS)) for name in elsewhere
    )


def test_a_binary_is_told_from_an_extension_module_and_from_a_script(tmp_path: Path) -> None:
    contents = {
        "made_up/tool": b"\x7fELF program",
        "made_up.libs/libmade.so.3": b"\x7fELF library",
        "made_up/plain.so": b"\x7fELF library",
        "made_up/engine.dll": b"MZ library",
        "made_up/_fast.cpython-311-x86_64-linux-gnu.so": b"\x7fELF extension",
        "made_up/_slow.abi3.so": b"\x7fELF extension",
        "made_up/run.sh": b"#!/bin/sh",
        "made_up/data": b"",
    }
    info = tmp_path / "made_up-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1\n")
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in contents))
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (package,) = distributions(path=[str(tmp_path)])
    assert set(binaries(package)) == set(list(contents)[:4])
