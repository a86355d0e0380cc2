"""Progress reports: in order, none lost, none twice, and never in the way of a step."""

from __future__ import annotations

import json
import stat
import time
from pathlib import Path

import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.progress import Courier, Outbox, Scripts, percent
from tests.lacking import lacking

ROOT = Path(__file__).resolve().parents[2]
AWKWARD = [
    "two words",
    'a "quoted" one',
    "it's",
    "line one\nline two",
    "ünïcödé 🚀",
    "$HOME `id` $(id)",
    "",
    "--dash",
    "*",
]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with scripts, and an `npx` on PATH that notes its arguments; `fail` in the folder makes it fail."""
    repository = tmp_path / "repository"
    (repository / "scripts" / "agent").mkdir(parents=True)
    for name in ("log-progress.ts", "complete-task.ts"):
        (repository / "scripts" / "agent" / name).write_text("// stand-in\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    npx = programs / "npx"
    npx.write_text(
        "#!/usr/bin/env python3\nimport json, os, sys\n"
        "if os.path.exists('fail'): print('no database', file=sys.stderr); sys.exit(7)\n"
        "open('calls.jsonl', 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
    )
    npx.chmod(npx.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return repository


def calls(repository: Path) -> list[list[str]]:
    file = repository / "calls.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_reports_are_delivered_in_order_and_once(outbox: Outbox, recorder: Path) -> None:
    for number in range(3):
        outbox.put("log-progress.ts", ["agent", "task", str(number), "r", "e", "n"])
    assert outbox.deliver(Scripts(recorder)) == 3
    assert outbox.deliver(Scripts(recorder)) == 0
    assert [call[5] for call in calls(recorder)] == ["0", "1", "2"]
    assert calls(recorder)[0][:3] == ["tsx", "--env-file=.env", "scripts/agent/log-progress.ts"]
    assert outbox.last_delivery() is not None


def test_a_failing_script_keeps_its_report_and_those_behind_it(outbox: Outbox, recorder: Path) -> None:
    outbox.put("log-progress.ts", ["a", "t", "10", "first", "e", "n"])
    outbox.put("log-progress.ts", ["a", "t", "20", "second", "e", "n"])
    (recorder / "fail").touch()
    with pytest.raises(RunbookError) as caught:
        outbox.deliver(Scripts(recorder))
    assert "no database" in caught.value.why
    assert len(outbox.waiting()) == 2
    (recorder / "fail").unlink()
    assert outbox.deliver(Scripts(recorder)) == 2
    assert [call[6] for call in calls(recorder)] == ["first", "second"]


def test_without_a_repository_reports_wait(outbox: Outbox) -> None:
    outbox.put("complete-task.ts", ["t", "done"])
    with pytest.raises(RunbookError) as caught:
        outbox.deliver(None)
    assert caught.value.code == "PROG-001"
    assert len(outbox.waiting()) == 1


def test_a_repository_without_the_script_is_named(outbox: Outbox, tmp_path: Path) -> None:
    outbox.put("complete-task.ts", ["t", "done"])
    with pytest.raises(RunbookError) as caught:
        outbox.deliver(Scripts(tmp_path))
    assert caught.value.code == "PROG-002"


def test_the_courier_delivers_in_the_background(outbox: Outbox, recorder: Path) -> None:
    courier = Courier(outbox, Scripts(recorder))
    courier.start()
    outbox.put("log-progress.ts", ["a", "t", "10", "r", "e", "n"])
    courier.wake()
    deadline = time.monotonic() + 20
    while outbox.waiting():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    courier.finish()
    assert len(calls(recorder)) == 1


def test_a_hanging_script_does_not_hold_up_the_end_of_a_run(outbox: Outbox, recorder: Path) -> None:
    npx = next(path for path in (recorder.parent / "bin").iterdir())
    npx.write_text("#!/bin/sh\nexec sleep 600\n")
    courier = Courier(outbox, Scripts(recorder))
    outbox.put("log-progress.ts", ["a", "t", "10", "r", "e", "n"])
    courier.start()
    courier.wake()
    start = time.monotonic()
    courier.finish(patience=0.5)
    assert time.monotonic() - start < 10
    assert len(outbox.waiting()) == 1
    from ops.runbook import proc

    proc.stop_all()


def test_percent_is_100_only_when_everything_is_done() -> None:
    assert [percent(0, 3), percent(2, 3), percent(3, 3), percent(999, 1000)] == [0, 66, 100, 99]


TSX = ROOT / ".tools" / "progress" / "node_modules"


@pytest.mark.skipif(not TSX.is_dir(), reason=lacking("tsx is not installed: that takes npm", "./inv dev.tsx"))
def test_awkward_arguments_reach_a_real_tsx_script_intact(outbox: Outbox, tmp_path: Path) -> None:
    repository = tmp_path / "hotdash"
    (repository / "scripts" / "agent").mkdir(parents=True)
    (repository / ".env").write_text("TOKEN='from-env-file'\n")
    (repository / "node_modules").symlink_to(TSX)
    (repository / "scripts" / "agent" / "log-progress.ts").write_text(
        "import { appendFileSync } from 'node:fs';\n"
        "const line: string = JSON.stringify({ argv: process.argv.slice(2), token: process.env.TOKEN });\n"
        "appendFileSync('calls.jsonl', line + '\\n');\n"
    )
    outbox.put("log-progress.ts", AWKWARD)
    outbox.put("log-progress.ts", ["second"])
    assert outbox.deliver(Scripts(repository)) == 2
    first, second = (json.loads(line) for line in (repository / "calls.jsonl").read_text().splitlines())
    assert first == {"argv": AWKWARD, "token": "from-env-file"}
    assert second["argv"] == ["second"]
