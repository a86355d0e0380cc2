"""A step's time limit and its retry rule: what happens when they bite, and what is said then."""

from __future__ import annotations

import dataclasses
import io
import sys
import threading
import time
from pathlib import Path

import pytest

from ops.reports.recording import Recorder
from ops.runbook import interrupt, plan, proc
from ops.runbook import run as runner
from ops.runbook.console import Plain
from ops.runbook.errors import RunbookError
from ops.runbook.journal import Journal
from ops.runbook.run import Result, run
from ops.runbook.step import LIMIT_S, Retry, Status, Step
from tests.runbook.support import Deployment, Watcher, put


def failing(times: int, code: str = "NET-1", *, blocked: bool = False) -> Step[Deployment]:
    """A step whose first `times` acts fail."""

    def act(deployment: Deployment, say: object) -> None:
        deployment["tries"] = deployment.get("tries", 0) + 1
        if deployment["tries"] <= times:
            raise RunbookError(code, "the line broke", next="mend the line", blocked=blocked)
        deployment["a"] = True

    return dataclasses.replace(put("1.1", "a", act=act), retry=Retry(("NET-1",), times=2, pause_s=0.0))


def shown_and_journaled(steps: list[Step[Deployment]], folder: Path) -> tuple[Result, str, list[dict[str, object]]]:
    out, journal = io.StringIO(), Journal(folder / "journal.jsonl")
    result = run(steps, {}, [Recorder(journal, "local", "inv x"), Plain(out)])
    return result, out.getvalue(), [event for event in journal.read() if event["event"] == "step"]


@pytest.mark.parametrize("times", [0, 1, 2])
def test_an_error_that_passes_is_tried_again_and_it_is_said(times: int, tmp_path: Path) -> None:
    result, out, events = shown_and_journaled([failing(times)], tmp_path)
    assert result.outcomes["a"].status is Status.CHANGED
    assert events[0]["tries"] == times + 1
    assert out.count("NET-1: the line broke; try") == times
    assert (f"at try {times + 1}, after NET-1" in out) == (times > 0)


def test_one_that_does_not_pass_ends_after_the_last_try_with_what_to_do(tmp_path: Path) -> None:
    result, out, _ = shown_and_journaled([failing(3)], tmp_path)
    assert (result.exit_code, result.outcomes["a"].code) == (1, "NET-1")
    assert "tried 3 times" in out
    assert "next: mend the line" in out


@pytest.mark.parametrize("step", [failing(1, "OTHER"), failing(1, blocked=True)], ids=["another code", "a person must"])
def test_only_what_the_rule_names_is_tried_again(step: Step[Deployment]) -> None:
    deployment: Deployment = {}
    assert not run([step], deployment, []).outcomes["a"].good
    assert deployment["tries"] == 1


def test_by_default_nothing_is_tried_again_and_the_limit_is_half_an_hour() -> None:
    assert put("1.1", "a").retry.codes == ()
    assert put("1.1", "a").limit_s == LIMIT_S == 1800.0


def test_a_step_past_its_limit_is_stopped_with_its_child_and_says_what_to_do(tmp_path: Path) -> None:
    """Also while it waits for a program: the program is gone, what needs the step is not begun."""
    mark = tmp_path / "pid"
    program = f"import os,time; open({str(mark)!r},'w').write(str(os.getpid())); time.sleep(600)"

    def act(deployment: Deployment, say: object) -> None:
        proc.run([sys.executable, "-c", program], timeout=600)

    slow = dataclasses.replace(put("1.1", "a", act=act), limit_s=2.0)
    result, out, events = shown_and_journaled([slow, put("1.2", "b", ("a",)), put("1.3", "c")], tmp_path)
    assert result.exit_code == 1
    assert result.outcomes["a"].code == events[[e["step"] for e in events].index("a")]["code"] == "RUN-008"
    assert (result.outcomes["b"].status, result.outcomes["c"].status) == (Status.BLOCKED, Status.CHANGED)
    assert "stopped at its time limit of 2 s" in out
    assert "next: " in out
    assert "more: inv explain RUN-008" in out
    assert not Path(f"/proc/{mark.read_text()}").exists()


@pytest.mark.parametrize("how", ["wait", "retry"])
def test_waiting_and_trying_again_end_at_the_limit_too(how: str) -> None:
    def waits(deployment: Deployment, say: object) -> None:
        if how == "retry":
            raise RunbookError("NET-1", "the line broke")
        interrupt.wait_until(lambda: False, what="nothing", timeout=600)

    rule = Retry(("NET-1",), times=1000, pause_s=600.0)
    result = run([dataclasses.replace(put("1.1", "a", act=waits), limit_s=0.2, retry=rule)], {}, [])
    assert result.outcomes["a"].code == "RUN-008"
    assert result.seconds < 60


def test_a_step_that_cannot_be_stopped_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it does later changes neither the outcome nor what observers are told."""
    monkeypatch.setattr(runner, "PATIENCE", 0.2)
    monkeypatch.setattr(runner, "LATE_S", 0.05)
    release, other = threading.Event(), threading.Event()

    def stuck(deployment: Deployment, say: object) -> None:
        release.wait(60)

    def later(deployment: Deployment, say: object) -> None:
        release.set()
        other.wait(1)
        deployment["c"] = True

    watcher = Watcher()
    steps = [
        dataclasses.replace(put("1.1", "a", act=stuck), limit_s=0.1),
        dataclasses.replace(put("1.2", "c", act=later), after=("a",)),
    ]
    result = run(steps, {}, [watcher])
    assert result.outcomes["a"].code == "RUN-008"
    assert "does not stop by itself" in result.outcomes["a"].why
    assert [key for key, _ in watcher.ended_keys] == ["a", "c"]


def test_a_look_of_a_plan_has_the_same_limit() -> None:
    def look(deployment: Deployment) -> object:
        interrupt.sleep(600)
        raise AssertionError

    step = dataclasses.replace(put("1.1", "a"), look=look, limit_s=0.1)  # type: ignore[arg-type]
    began = time.monotonic()
    planned = plan.make([step], {}).steps[0]
    assert planned.error is not None
    assert planned.error.code == "RUN-008"
    assert time.monotonic() - began < 60
