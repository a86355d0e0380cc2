"""Progress reports: in order, none lost, none twice, and never in the way of a step."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops.runbook.courier import Courier, Delivered, deliver
from ops.runbook.errors import RunbookError
from ops.runbook.progress import Outbox, percent
from ops.runbook.sending import Scripts, Sending
from tests.lacking import lacking
from tests.services.real_servers import wait_for

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


NPX = """#!/usr/bin/env python3
import json, os, sys
ID = "PROGRESS_REPORT_ID"
script, said = sys.argv[3].rpartition("/")[2], sys.argv[1:]
if os.path.exists("refuse-" + script):
    print(open("refuse-" + script).read(), file=sys.stderr)
    sys.exit(7)
@BODY@
open("calls.jsonl", "a").write(json.dumps(said) + "\\n")
"""


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with scripts, and an `npx` on PATH that notes its arguments."""
    repository = tmp_path / "repository"
    (repository / "scripts" / "agent").mkdir(parents=True)
    for name in ("log-progress.ts", "complete-task.ts"):
        (repository / "scripts" / "agent" / name).write_text("// stand-in\n")
    (tmp_path / "bin").mkdir()
    program(repository)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return repository


def program(repository: Path, body: str = "") -> None:
    """What `npx` does before it notes that it is done."""
    npx = repository.parent / "bin" / "npx"
    npx.write_text(NPX.replace("@BODY@", body))
    npx.chmod(0o755)


def refuse(repository: Path, script: str = "", why: str = "") -> None:
    """Have a script end badly from now on, or none."""
    for file in repository.glob("refuse-*"):
        file.unlink()
    if script:
        (repository / f"refuse-{script}").write_text(why)


def quiet(text: str) -> None:
    """Nobody listens."""


def calls(repository: Path) -> list[list[str]]:
    file = repository / "calls.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_reports_are_delivered_in_order_and_once(outbox: Outbox, recorder: Path) -> None:
    for number in range(3):
        outbox.put("log-progress.ts", ["agent", "task", str(number), "r", "e", "n"])
    assert deliver(outbox, Scripts(recorder)).count == 3
    assert deliver(outbox, Scripts(recorder)).count == 0
    assert [call[5] for call in calls(recorder)] == ["0", "1", "2"]
    assert calls(recorder)[0][:3] == ["tsx", "--env-file=.env", "scripts/agent/log-progress.ts"]
    assert outbox.last_delivery() is not None
    assert list((outbox.folder / "sending").iterdir()) == []


def test_what_a_script_refuses_is_set_aside_by_name_and_blocks_nothing(outbox: Outbox, recorder: Path) -> None:
    """R7: the task is unknown to complete-task.ts; every report behind it goes out all the same."""
    refuse(recorder, "complete-task.ts", "task unknown")
    outbox.put("complete-task.ts", ["t", "done"])
    for attempt in range(3):
        outbox.put("log-progress.ts", ["a", "t", "10", str(attempt), "e", "n"])
        done = deliver(outbox, Scripts(recorder), pause=0)
        assert (done.count, done.problems) == (1, ["complete-task-1: exit 7: task unknown"])
        assert deliver(outbox, Scripts(recorder)) == Delivered()  # and not again at once
    assert outbox.waiting() == []
    (entry,) = outbox.undelivered()
    assert (entry.name, entry.set_aside, entry.why) == ("complete-task-1", True, "exit 7: task unknown")
    assert deliver(outbox, Scripts(recorder)) == Delivered()  # tried no more by itself
    refuse(recorder)
    assert deliver(outbox, Scripts(recorder), again=True).count == 1
    assert [call[2].rpartition("/")[2] for call in calls(recorder)] == ["log-progress.ts"] * 3 + ["complete-task.ts"]


def test_a_report_can_be_dropped_by_its_name(outbox: Outbox) -> None:
    outbox.put("complete-task.ts", ["t", "done"])
    outbox.put("log-progress.ts", ["a"])
    assert outbox.drop("complete-task-1").arguments == ("t", "done")
    assert [entry.name for entry in outbox.undelivered()] == ["log-progress-2"]  # names stay
    with pytest.raises(RunbookError) as caught:
        outbox.drop("complete-task-1")
    assert (caught.value.code, caught.value.why) == ("PROG-003", "log-progress-2")


def test_without_a_repository_reports_wait(outbox: Outbox) -> None:
    outbox.put("complete-task.ts", ["t", "done"])
    with pytest.raises(RunbookError) as caught:
        deliver(outbox, None)
    assert caught.value.code == "PROG-001"
    assert len(outbox.waiting()) == 1


def test_a_repository_without_the_script_is_named(outbox: Outbox, tmp_path: Path) -> None:
    outbox.put("complete-task.ts", ["t", "done"])
    with pytest.raises(RunbookError) as caught:
        deliver(outbox, Scripts(tmp_path))
    assert caught.value.code == "PROG-002"


def test_without_npx_that_is_said(outbox: Outbox, recorder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("mv", "sh"):
        (recorder.parent / "bin" / name).symlink_to(shutil.which(name) or "")
    (recorder.parent / "bin" / "npx").unlink()
    monkeypatch.setenv("PATH", str(recorder.parent / "bin"))
    outbox.put("log-progress.ts", ["a"])
    with pytest.raises(RunbookError) as caught:
        deliver(outbox, Scripts(recorder))
    assert caught.value.code == "PROG-004"
    assert len(outbox.waiting()) == 1


def test_npx_is_given_nothing_to_ask_and_told_to_install_nothing(outbox: Outbox, recorder: Path) -> None:
    program(recorder, "said = sys.stdin.read(), os.environ['npm_config_yes'], len(os.environ[ID]) > 9")
    outbox.put("log-progress.ts", ["a"])
    assert deliver(outbox, Scripts(recorder)).count == 1
    assert calls(recorder)[-1] == ["", "false", True]


def test_the_courier_delivers_in_the_background(outbox: Outbox, recorder: Path) -> None:
    courier = Courier(outbox, Scripts(recorder))
    courier.start()
    outbox.put("log-progress.ts", ["a", "t", "10", "r", "e", "n"])
    courier.wake()
    wait_for(lambda: not outbox.waiting(), "the report")
    outbox.put("log-progress.ts", ["a", "t", "20", "r", "e", "n"])
    courier.finish(quiet)  # nothing that could be delivered is left behind
    assert outbox.waiting() == []
    assert len(calls(recorder)) == 2


def gate(recorder: Path) -> Path:
    """Have the script wait for a file; it notes that it has begun."""
    file = recorder / "go"
    wait = f"import time\nwhile not os.path.exists({str(file)!r}): time.sleep(.01)"
    program(recorder, f"open('begun', 'a').write('x')\n{wait}")
    return file


def test_a_slow_script_is_waited_for_aloud_and_started_once(outbox: Outbox, recorder: Path) -> None:
    """R6: given up by one command, it is found by the next, which does not start it a second time."""
    go = gate(recorder)
    said: list[str] = []
    courier = Courier(outbox, Scripts(recorder))
    outbox.put("log-progress.ts", ["a", "t", "10", "r", "e", "n"])
    courier.start()
    courier.finish(said.append, patience=3.5)
    assert said
    assert "progress scripts" in said[0]
    second = Courier(outbox, Scripts(recorder))
    second.start()
    second.finish(quiet, patience=0.3)
    assert (recorder / "begun").read_text() == "x"
    assert len(outbox.waiting()) == 1
    go.touch()
    assert deliver(outbox, Scripts(recorder)).count == 1
    assert ((recorder / "begun").read_text(), outbox.undelivered()) == ("x", [])


SENDER = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from ops.runbook.courier import deliver
from ops.runbook.progress import Outbox
from ops.runbook.sending import Scripts
deliver(Outbox(pathlib.Path(sys.argv[2])), Scripts(pathlib.Path(sys.argv[3])))
"""


def test_a_sender_that_is_killed_leaves_no_report_lost_and_none_sent_twice(outbox: Outbox, recorder: Path) -> None:
    go = gate(recorder)
    outbox.put("log-progress.ts", ["a", "t", "10", "r", "e", "n"])
    sender = subprocess.Popen([sys.executable, "-c", SENDER, str(ROOT), str(outbox.folder), str(recorder)])
    wait_for((recorder / "begun").exists, "the script")
    sender.kill()
    sender.wait()
    go.touch()
    assert deliver(outbox, Scripts(recorder)).count == 1
    assert ((recorder / "begun").read_text(), len(calls(recorder))) == ("x", 1)


@pytest.mark.parametrize("seed", range(3))
def test_senders_killed_at_random_moments_deliver_each_report_once(outbox: Outbox, recorder: Path, seed: int) -> None:
    """Any number of kills, at whatever moment: all arrive, in order, none twice."""
    moments = random.Random(seed)
    put = kills = 0
    while outbox.waiting() or kills < 3:
        while not outbox.waiting() or put < 6:
            outbox.put("log-progress.ts", ["a", "t", str(put), "r", "e", "n"])
            put += 1
        words = [sys.executable, "-c", SENDER, str(ROOT), str(outbox.folder), str(recorder)]
        sender = subprocess.Popen(words)
        try:
            # The longer the more were killed: on a busy machine a sender takes that long to begin.
            sender.wait(moments.uniform(0.05, 0.4) * (1 + kills / 5))
        except subprocess.TimeoutExpired:
            kills += 1
            sender.kill()
            sender.wait()
    assert [call[5] for call in calls(recorder)] == [str(number) for number in range(put)]


def test_a_script_that_never_ends_is_stopped_and_its_report_waits(outbox: Outbox, recorder: Path) -> None:
    gate(recorder)
    outbox.put("log-progress.ts", ["a"])
    (entry,) = outbox.waiting()
    with pytest.raises(RunbookError) as caught:
        Sending(outbox.folder / "sending", entry).run(Scripts(recorder), limit=0.5)
    assert caught.value.code == "PROG-005"
    (recorder / "go").touch()
    assert deliver(outbox, Scripts(recorder)).count == 1


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
    assert deliver(outbox, Scripts(repository)).count == 2
    first, second = (json.loads(line) for line in (repository / "calls.jsonl").read_text().splitlines())
    assert first == {"argv": AWKWARD, "token": "from-env-file"}
    assert second["argv"] == ["second"]
