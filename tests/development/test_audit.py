"""Known faults of what is locked: found where there are any, and never called none where nobody could be asked."""

from __future__ import annotations

import dataclasses
import datetime
import gzip
import json
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ops.description.paths import ROOT
from ops.development import audit
from ops.development.audit import Acceptance, Audited
from ops.runbook.errors import RunbookError
from tests.lacking import lacking

TODAY = datetime.date(2026, 11, 29)
GATEWAY, OPERATOR, REHEARSAL = "fly/gw/requirements.lock", "requirements.lock", "ops/targets/local/requirements.lock"
NPM = "tests/fixtures/progress/package-lock.json"
HASH = f" \\\n    --hash=sha256:{'0' * 64}\n"


class Advisories(ThreadingHTTPServer):
    """Answers as OSV's `/v1/query` and the npm registry's bulk endpoint do, as their documentation has it.

    Attributes:
        bad: PyPI packages → the versions with a fault, and the one without.
        npm: the same, as a range of versions.
        asked: how often each package and version was asked for.
        status: what every answer has.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.bad: dict[str, tuple[tuple[str, ...], str]] = {}
        self.npm: dict[str, str] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def osv(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert asked["package"]["ecosystem"] == "PyPI"
        name, version = asked["package"]["name"], asked["version"]
        self.asked[name, version] += 1
        versions, fixed = self.bad.get(name, ((), ""))
        if version not in versions:
            return {}
        events = [{"introduced": "0"}, {"fixed": fixed}]
        vuln = {
            "schema_version": "1.7.0",
            "id": f"GHSA-{name}",
            "aliases": [f"CVE-{name}"],
            "summary": "made up",
            "modified": "2026-11-01T00:00:00Z",
            "published": "2026-10-01T00:00:00Z",
            "affected": [
                {
                    "package": {"name": name, "ecosystem": "PyPI", "purl": f"pkg:pypi/{name}"},
                    "ranges": [{"type": "ECOSYSTEM", "events": events}],
                    "versions": list(versions),
                }
            ],
        }
        return {"vulns": [vuln]}

    def bulk(self, asked: dict[str, list[str]]) -> dict[str, Any]:
        self.asked.update((name, version) for name, versions in asked.items() for version in versions)
        return {
            name: [
                {
                    "id": 1100001,
                    "url": f"https://advisories.invalid/GHSA-{name}",
                    "title": "made up",
                    "severity": "moderate",
                    "vulnerable_versions": self.npm[name],
                    "cwe": ["CWE-346"],
                    "cvss": {"score": 5.3, "vectorString": "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:H/I:N/A:N"},
                }
            ]
            for name in asked
            if name in self.npm
        }


class _Answers(BaseHTTPRequestHandler):
    server: Advisories

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
        self._send(self.server.osv(asked) if self.path == "/v1/query" else self.server.bulk(asked))

    def do_GET(self) -> None:
        self.send_error(404)

    def _send(self, answer: dict[str, Any]) -> None:
        text = json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Advisories]:
    made = Advisories()
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    ask(monkeypatch, made.url)
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def ask(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"{url}/v1/query")
    monkeypatch.setenv("npm_config_registry", url)
    monkeypatch.setenv("npm_config_fetch_retries", "0")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A made-up project with locks of the usual kinds."""
    locks = {
        GATEWAY: f"shared==1.0{HASH}    # via of-others\nonly-there==2.0 ; sys_platform == 'win32'{HASH}",
        OPERATOR: f"# renewed by a command\nshared==2.0{HASH}",
        REHEARSAL: f"shared==1.0{HASH}stand-in==3.0{HASH}",
    }
    for name, text in locks.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def look(root: Path, *living_with: Acceptance) -> dict[str, Audited]:
    found = audit.audit([REHEARSAL, OPERATOR, GATEWAY], root, living_with, TODAY)
    assert [it.lock for it in found] == [GATEWAY, OPERATOR, REHEARSAL]
    return {it.lock: it for it in found}


def code(found: dict[str, Audited]) -> int:
    return audit.exit_code(list(found.values()))


def text(found: dict[str, Audited]) -> list[str]:
    return audit.lines(list(found.values()))


def test_a_fault_in_production_fails_and_one_in_a_rehearsal_is_only_said(server: Advisories, checkout: Path) -> None:
    server.bad = {"stand-in": (("3.0",), "3.1"), "only-there": (("1.9", "2.0"), "2.1")}
    found = look(checkout)
    assert text(found) == [
        f"{GATEWAY} (production, 2 packages): 1 known faults",
        "  only-there 2.0: CVE-only-there, GHSA-only-there; fixed in 2.1",
        f"{OPERATOR} (operator, 1 packages): none known",
        f"{REHEARSAL} (rehearsal, 2 packages): 1 known faults",
        "  stand-in 3.0: CVE-stand-in, GHSA-stand-in; fixed in 3.1",
    ]
    # Each version once, of every lock, also those for another system.
    assert server.asked == {
        ("shared", "1.0"): 1,
        ("shared", "2.0"): 1,
        ("only-there", "2.0"): 1,
        ("stand-in", "3.0"): 1,
    }
    assert [it.fails for it in found.values()] == [True, False, False]
    assert code(found) == 1
    assert audit.exit_code([found[OPERATOR], found[REHEARSAL]]) == 0
    assert [row["known"] for row in json.loads(audit.as_json(list(found.values())))["locks"]] == [1, 0, 1]


def test_a_fault_is_lived_with_until_its_day_is_over(server: Advisories, checkout: Path) -> None:
    names = ("by-id", "by-alias", "over", "other", "nobodys")
    (checkout / OPERATOR).write_text("".join(f"{name}==1.0{HASH}" for name in names))
    server.bad = dict.fromkeys(names, (("1.0",), "2.0"))
    reason = "it cannot be reached from outside"
    found = audit.audit(
        [OPERATOR],
        checkout,
        [
            Acceptance("GHSA-by-id", "by-id", reason, TODAY),
            Acceptance("CVE-by-alias", "by-alias", reason, TODAY),
            Acceptance("CVE-over", "over", reason, TODAY - datetime.timedelta(days=1)),
            Acceptance("CVE-another", "other", reason, TODAY),
        ],
        TODAY,
    )
    said = audit.lines(found)[1:]
    assert [name for name in names if any(name in line and reason in line for line in said)] == ["by-id", "by-alias"]
    assert {fault.package for fault in found[0].faults if fault.accepted is None} == {"over", "other", "nobodys"}
    assert audit.exit_code(found) == 1
    assert audit.exit_code([dataclasses.replace(found[0], faults=found[0].faults[:1])]) == 0


def test_nobody_to_ask_is_unknown_and_not_none(
    server: Advisories, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
    ask(monkeypatch, nowhere)
    found = look(checkout)
    assert code(found) == 3
    assert [line.partition("): ")[2] for line in text(found)[:3]] == ["unknown: no advisories could be reached"] * 3
    assert text(found)[3].startswith("pip-audit: ")
    assert [row["known"] for row in json.loads(audit.as_json(list(found.values())))["locks"]] == [None] * 3
    ask(monkeypatch, server.url)
    server.status = 503
    (found_alone,) = audit.audit([OPERATOR], checkout)
    assert found_alone.unanswered == 1


def test_npm_is_asked_for_what_is_npms(server: Advisories, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("npm") is None:
        pytest.skip(lacking("no npm on this machine"))
    (found,) = audit.audit([NPM], ROOT)
    assert (found.faults, found.unanswered, audit.exit_code([found])) == ((), 0, 0)
    assert sum(server.asked.values()) == found.packages
    version = dict(key for key in server.asked)["esbuild"]
    server.npm = {"esbuild": f"<={version}", "tsx": "<0.0.1"}
    (found,) = audit.audit([NPM], ROOT)
    assert [(it.package, it.version, it.advisory.id) for it in found.faults] == [("esbuild", version, "GHSA-esbuild")]
    assert audit.exit_code([found]) == 0  # it is a test's
    server.status = 405
    (found,) = audit.audit([NPM], ROOT)
    assert found.unanswered == found.packages
    assert audit.exit_code([found]) == 3


def test_every_lock_is_audited_but_the_yardsticks() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=60)
    every = {name for name in listed.stdout.splitlines() if name.endswith((".lock", "-lock.json"))}
    yardsticks = ("peers/package-lock.json", "peers/requirements.lock", "stock/requirements.lock")
    left_out = {f"tests/bench/{name}" for name in yardsticks}
    assert {*audit.locks(), *left_out} == every
    near = {name for name in audit.locks() if audit.where(name) in audit.NEAR_PRODUCTION}
    assert {(name.rpartition("/")[2], name.startswith("fly/")) for name in near} == {
        ("requirements.lock", False),
        ("requirements.lock", True),
        ("edge.lock", True),
    }


def test_the_list_of_accepted_faults_is_read_or_refused(tmp_path: Path) -> None:
    assert audit.accepted() is not None
    file = tmp_path / "accepted.toml"
    entry = '[[accepted]]\nid = "CVE-1"\npackage = "a"\nreason = "b"\n'
    file.write_text(entry + "until = 2026-12-31\n")
    assert audit.accepted(file) == (Acceptance("CVE-1", "a", "b", datetime.date(2026, 12, 31)),)
    for wrong in (entry, entry + "until = 'soon'\n", "accepted = ["):
        file.write_text(wrong)
        with pytest.raises(RunbookError) as caught:
            audit.accepted(file)
        assert caught.value.code == "CLI-018"
