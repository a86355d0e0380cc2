"""The runner: look, act, look again; in order, in parallel, and never on stale news."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.runbook.errors import RunbookError
from ops.runbook.run import run, with_needs
from ops.runbook.secret import Secret
from ops.runbook.step import Look, Status, Step, blocked, drifted, missing, satisfied, unavailable
from tests.runbook.support import Deployment, Watcher, put

ROOT = Path(__file__).resolve().parents[2]


def statuses(steps: list[Step[Deployment]], deployment: Deployment, **options: bool) -> dict[str, str]:
    result = run(steps, deployment, [], **options)
    return {key: outcome.status.value for key, outcome in result.outcomes.items()}


def test_a_missing_thing_is_made_and_looked_at_again() -> None:
    deployment: Deployment = {}
    assert statuses([put("1.1", "a")], deployment) == {"a": "changed"}
    assert deployment["a"] is True


def test_a_second_run_changes_nothing() -> None:
    deployment: Deployment = {}
    steps = [put("1.1", "a"), put("1.2", "b", ("a",))]
    statuses(steps, deployment)
    deployment["order"].clear()
    assert statuses(steps, deployment) == {"a": "ok", "b": "ok"}
    assert deployment["order"] == []


def test_a_step_is_done_when_looking_says_so_not_when_act_returns() -> None:
    lazy = put("1.1", "a", act=lambda deployment, say: None)
    result = run([lazy], {}, [])
    assert result.outcomes["a"].status is Status.FAILED
    assert result.outcomes["a"].code == "RUN-002"
    assert result.exit_code == 1


def test_needs_come_first_whatever_the_order_of_the_list() -> None:
    deployment: Deployment = {}
    steps = {step.key: step for step in (put("1.3", "c", ("b",)), put("1.1", "a"), put("1.2", "b", ("a",)))}
    run(with_needs(steps, ["c"]), deployment, [])
    assert deployment["order"] == ["a", "b", "c"]


def test_selecting_a_step_brings_in_only_what_it_needs() -> None:
    steps = {step.key: step for step in (put("1.1", "a"), put("1.2", "b", ("a",)), put("1.3", "other"))}
    assert [step.key for step in with_needs(steps, ["b"])] == ["a", "b"]


def test_a_step_may_wait_for_another_without_needing_it() -> None:
    deployment: Deployment = {}
    fails = put("1.2", "b", act=lambda deployment, say: None)
    last = dataclasses.replace(put("1.1", "a"), after=("b", "not part of the run"))
    assert statuses([last, fails], deployment) == {"b": "failed", "a": "changed"}
    assert [step.key for step in with_needs({"a": last, "b": fails}, ["a"])] == ["a"]


def test_steps_that_do_not_need_each_other_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def act(key: str) -> Step[Deployment]:
        def do(deployment: Deployment, say: object) -> None:
            meeting.wait()
            deployment[key] = True

        return put("1.1", key, act=do)

    assert statuses([act("a"), act("b")], {}) == {"a": "changed", "b": "changed"}


def test_what_needs_a_failed_step_is_blocked_and_the_rest_goes_on() -> None:
    def fail(deployment: Deployment, say: object) -> None:
        raise RunbookError("X-001", "it broke", next="mend it")

    steps = [put("1.1", "a", act=fail), put("1.2", "b", ("a",)), put("1.3", "c", ("b",)), put("1.4", "d")]
    result = run(steps, {}, [])
    assert {key: o.status.value for key, o in result.outcomes.items()} == {
        "a": "failed",
        "b": "blocked",
        "c": "blocked",
        "d": "changed",
    }
    assert result.outcomes["a"].code == "X-001"
    assert "1.1" in result.outcomes["b"].evidence
    assert result.exit_code == 1


def test_what_only_a_person_can_give_ends_with_exit_code_3() -> None:
    step = dataclasses.replace(put("1.1", "a"), look=lambda deployment: blocked("no key", next="put it in .env"))
    result = run([step], {}, [])
    assert result.exit_code == 3
    assert result.outcomes["a"].next == "put it in .env"


def test_what_the_target_lacks_is_skipped_with_its_reason_and_stops_nobody() -> None:
    absent = dataclasses.replace(put("1.1", "a"), look=lambda deployment: unavailable("no Docker here"))
    result = run([absent, put("1.2", "b", ("a",))], {}, [])
    assert result.outcomes["a"].status is Status.SKIPPED
    assert result.outcomes["a"].evidence == "no Docker here"
    assert result.outcomes["b"].status is Status.CHANGED
    assert result.exit_code == 0


def test_a_check_runs_every_time_and_anything_but_satisfied_is_a_failure() -> None:
    good = dataclasses.replace(put("4.1", "good"), look=lambda deployment: satisfied("200"), check=True)
    bad = dataclasses.replace(put("4.2", "bad"), look=lambda deployment: missing("500"), check=True)
    result = run([good, bad], {}, [])
    assert result.outcomes["good"].status is Status.OK
    assert result.outcomes["bad"].status is Status.FAILED
    assert result.exit_code == 1


def test_what_a_test_needs_is_looked_at_and_not_brought_about() -> None:
    """R2: a test that lacks something says what, and which command brings it."""
    deployment: Deployment = {"a": True}
    check = dataclasses.replace(put("4.1", "check", ("b",)), look=lambda deployment: satisfied("200"), check=True)
    steps = [put("1.1", "a"), put("1.2", "b", ("a",)), check]
    result = run(steps, deployment, [], brought_by={"a": "inv make", "b": "inv make"})
    assert deployment == {"a": True}
    assert {key: outcome.status.value for key, outcome in result.outcomes.items()} == {
        "a": "ok",
        "b": "failed",
        "check": "blocked",
    }
    assert (result.outcomes["b"].code, result.outcomes["b"].next, result.exit_code) == ("RUN-007", "inv make", 1)
    deployment["b"] = True
    assert run(steps, deployment, [], brought_by={"a": "inv make", "b": "inv make"}).exit_code == 0


def test_after_a_need_has_changed_old_looks_are_not_believed() -> None:
    """b looks satisfied before a acts, and is not afterwards: it must be made again."""
    deployment: Deployment = {"b": True}

    def act(deployment: Deployment, say: object) -> None:
        deployment["a"] = True
        del deployment["b"]

    assert statuses([put("1.1", "a", act=act), put("1.2", "b", ("a",))], deployment) == {
        "a": "changed",
        "b": "changed",
    }
    assert deployment["b"] is True


def test_old_looks_are_not_believed_after_a_far_need_has_changed_either() -> None:
    """c needs b needs a: a changes, b stays as it is, and c's old look is of no use."""
    deployment: Deployment = {"b": True, "c": True}

    def act(deployment: Deployment, say: object) -> None:
        deployment["a"] = True
        del deployment["c"]

    steps = [put("1.1", "a", act=act), put("1.2", "b", ("a",)), put("1.3", "c", ("b",))]
    assert statuses(steps, deployment) == {"a": "changed", "b": "ok", "c": "changed"}


def test_looks_are_made_all_at_once_so_nothing_to_do_takes_one_looks_time() -> None:
    together = threading.Barrier(4, timeout=10)

    def look(deployment: Deployment) -> Look:
        together.wait()
        return satisfied("there")

    keys = ["a", "b", "c", "d"]
    steps = [Step(f"1.{index}", key, key, "", look, needs=tuple(keys[:index])) for index, key in enumerate(keys)]
    assert set(statuses(steps, {}).values()) == {"ok"}


def test_an_unexpected_exception_is_a_failure_with_a_crash_log_not_a_traceback() -> None:
    value = Secret("hunter2-hunter2")

    def explode(deployment: Deployment, say: object) -> None:
        raise ValueError(f"bad {value.reveal()}")

    logged: list[str] = []
    result = run([put("1.1", "a", act=explode)], {}, [], crash_log=logged.append)
    assert result.outcomes["a"].code == "RUN-001"
    assert "hunter2" not in result.outcomes["a"].evidence
    assert "ValueError" in logged[0]
    assert "hunter2" not in logged[0]


def test_observers_hear_everything_and_secrets_are_redacted() -> None:
    value = Secret("s3cr3t-value")

    def act(deployment: Deployment, say: object) -> None:
        say(f"using {value.reveal()}")  # type: ignore[operator]
        deployment["a"] = True

    watcher = Watcher()
    run([put("1.1", "a", act=act)], {}, [watcher])
    assert watcher.started_keys == ["a"]
    assert watcher.words == [("a", "using [redacted]")]
    assert watcher.ended_keys == [("a", "changed")]
    assert watcher.result is not None


def test_a_drifted_thing_is_changed_and_the_difference_is_kept() -> None:
    deployment: Deployment = {"a": "old"}

    def look(deployment: Deployment) -> Look:
        return satisfied("new") if deployment["a"] == "new" else drifted("old", "old → new")

    def act(deployment: Deployment, say: object) -> None:
        deployment["a"] = "new"

    result = run([Step("1.1", "a", "A", "", look, act)], deployment, [])
    assert result.outcomes["a"].status is Status.CHANGED
    assert result.outcomes["a"].diff == "old → new"


PROGRAM = """
import sys, signal, subprocess
from collections.abc import Iterator

from ops.runbook import interrupt, proc
from ops.runbook.run import run
from ops.runbook.step import Step, missing
interrupt.install()
def act(deployment, say):
    print("acting", flush=True)
    if sys.argv[1] == "child":
        proc.run([sys.executable, "-c", "import time; time.sleep(600)"])
    else:
        interrupt.sleep(600)
result = run([Step("1.1", "a", "A", "", lambda w: missing("no"), act)], None, [])
print("interrupted", result.interrupted, flush=True)
sys.exit(result.exit_code)
"""


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("what", ["child", "sleep"])
def test_a_signal_stops_the_children_and_the_run_ends_in_order(signum: int, code: int, what: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, what],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "acting\n"
        if what == "child":
            _await_children(process.pid)
        children = _children(process.pid)
        process.send_signal(signum)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == code, err
    assert f"interrupted {int(signum)}" in out
    assert "Traceback" not in err
    assert not [pid for pid in children if _alive(pid)]


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


def _await_children(pid: int) -> None:
    deadline = time.monotonic() + 20
    while not _children(pid):
        assert time.monotonic() < deadline, "the child never came"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Counted(tuple[str, ...]):
    """Needs that count how often they are gone through."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        Counted.times += 1
        return super().__iter__()


def test_steps_that_need_each_other_cost_no_more_each_the_more_there_are() -> None:
    """R28: a chain of steps, each satisfied but the first."""
    costs = []
    for count in (100, 400):
        Counted.times = 0
        keys = [f"k{number}" for number in range(count)]
        steps = [put(f"1.{n}", key, Counted(keys[n - 1 : n])) for n, key in enumerate(keys)]
        result = run(steps, dict.fromkeys(keys[1:], True), [])
        assert (result.count(Status.CHANGED), result.count(Status.OK)) == (1, count - 1)
        costs.append(Counted.times / count)
    assert costs[1] < costs[0] * 1.2
