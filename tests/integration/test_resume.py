"""Killed at any step, stopped by any signal: running again converges, no secret changes, nothing is there twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.integration.checkout import Checkout, Terminal, outcomes

STEPS = (
    "local.supervisor", "local.postgres", "local.pooler", "setup.secrets", "setup.schema", "setup.redis",
    "deploy.app", "deploy.secrets", "deploy.storage", "deploy.release", "deploy.domains", "deploy.pooled",
)  # fmt: skip


def wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[str] | subprocess.Popen[bytes], seconds: float = 120
) -> bool:
    """Wait until the condition holds or the process has ended; whether it holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None:
            return condition()
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)
    return True


def begun(checkout: Checkout, step: str, after: int) -> bool:
    return any(event.get("step") == step and event["event"] == "started" for event in checkout.journal[after:])


def drain(process: subprocess.Popen[str]) -> list[str]:
    """Collect the output while the process runs, so that a full pipe never blocks it."""
    lines: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        lines.extend(process.stdout)

    threading.Thread(target=read, daemon=True).start()
    return lines


def test_a_run_killed_at_every_step_in_turn_converges(fresh: Callable[[], Checkout]) -> None:
    checkout = fresh()
    secrets: dict[str, str] = {}
    for index, step in enumerate(STEPS):
        mark = len(checkout.journal)
        process = checkout.start("deploy.all")
        lines = drain(process)
        reached = wait_for(lambda step=step, mark=mark: begun(checkout, step, mark), process)  # type: ignore[misc]
        assert reached, f"{step} was never begun: {''.join(lines)}"
        # Not always at the same point of the step: a little later each time.
        time.sleep(0.05 * (index % 4))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        changed = {name for name, value in secrets.items() if checkout.vault.get(name) != value}
        assert not changed, f"killed in {step}: {changed} changed"
        secrets = {**secrets, **checkout.vault}
    final = checkout.inv("deploy.all")
    assert final.returncode == 0, final.stdout + final.stderr
    again = checkout.json("deploy.all")
    assert "changed" not in outcomes(again).values()
    assert {name: checkout.vault[name] for name in secrets} == secrets
    _nothing_twice(checkout)
    assert checkout.inv("test.smoke").returncode == 0


def _nothing_twice(checkout: Checkout) -> None:
    names: Counter[str] = Counter()
    for words in checkout.processes().values():
        program = Path(words[0]).name
        if program in {"postgres", "valkey-server", "caddy", "weed"}:
            names[program] += 1
        for module in ("llm_gateway", "ops.standins.openai", "ops.standins.langfuse", "ops.targets.local.forward"):
            if module in words:
                names[module] += 1
    # Postgres' own workers rename themselves; only the postmaster keeps its argument list.
    assert {name: count for name, count in names.items() if count > 1} == {}, names
    with psycopg.connect(checkout.vault["SUPABASE_DIRECT_URL"]) as connection:
        schemas = connection.execute("select count(*) from pg_namespace where nspname = 'langfuse'").fetchone()
        roles = connection.execute("select count(*) from pg_roles where rolname = 'langfuse'").fetchone()
    assert (schemas, roles) == ((1,), (1,))


@pytest.mark.parametrize("step", ["local.postgres", "setup.schema", "deploy.release"])
@pytest.mark.parametrize(
    ("signum", "code", "word"), [(signal.SIGINT, 130, "Interrupted"), (signal.SIGTERM, 143, "Terminated")]
)
def test_a_signal_in_a_pipe_ends_the_run_in_order(
    fresh: Callable[[], Checkout], step: str, signum: signal.Signals, code: int, word: str
) -> None:
    checkout = fresh()
    process = checkout.start("deploy.all")
    lines = drain(process)
    assert wait_for(lambda: begun(checkout, step, 0), process)
    process.send_signal(signum)
    assert process.wait(60) == code
    _in_order(checkout, "".join(lines), word, signum)
    assert checkout.inv("deploy.all").returncode == 0


def test_ctrl_c_typed_at_a_terminal_ends_the_run_in_order(fresh: Callable[[], Checkout]) -> None:
    checkout = fresh()
    with Terminal(checkout, "deploy.all") as terminal:
        assert wait_for(lambda: begun(checkout, "deploy.release", 0), terminal.process)
        terminal.type("\x03")
        assert terminal.process.wait(60) == 130
    _in_order(checkout, terminal.shown, "Interrupted", signal.SIGINT)


def test_a_run_whose_terminal_goes_away_ends_in_order_too(fresh: Callable[[], Checkout]) -> None:
    """The laptop's lid, a lost ssh connection: the kernel sends SIGHUP, and nothing can be written any more."""
    checkout = fresh()
    with Terminal(checkout, "deploy.all") as terminal:
        assert wait_for(lambda: begun(checkout, "setup.schema", 0), terminal.process)
        terminal.process.send_signal(signal.SIGHUP)
        assert terminal.process.wait(60) == 128 + signal.SIGHUP
    assert (checkout.journal[-1]["event"], checkout.journal[-1]["signal"]) == ("interrupted", int(signal.SIGHUP))
    assert checkout.inv("plan").returncode in (0, 2)


def _in_order(checkout: Checkout, shown: str, word: str, signum: signal.Signals) -> None:
    assert shown.count(f"{word}: what was done stays done") == 1, shown
    assert "Traceback" not in shown
    last = checkout.journal[-1]
    assert (last["event"], last["signal"]) == ("interrupted", int(signum))
    # The lock is free: the next command can take it at once.
    assert checkout.inv("plan").returncode in (0, 2)


@pytest.mark.parametrize("moment", [0.02, 0.05, 0.1, 0.2, 0.4])
def test_a_signal_at_any_moment_of_a_start_is_answered_in_one_line(rehearsal: Checkout, moment: float) -> None:
    """Also while Python and Invoke are still loading."""
    process = rehearsal.start("deploy.all")
    lines = drain(process)
    time.sleep(moment)  # The moment is what varies here; there is nothing to wait for.
    process.send_signal(signal.SIGTERM)
    code = process.wait(60)
    assert code in (0, 143, -signal.SIGTERM)  # before our first line runs, the system itself ends it
    assert "Traceback" not in "".join(lines)


def test_after_a_reboot_a_deploy_brings_everything_back(fresh: Callable[[], Checkout]) -> None:
    """A reboot ends every process at once and empties the folder for sockets; data and ports stay."""
    checkout = fresh()
    assert checkout.inv("deploy.all").returncode == 0
    before = checkout.vault
    ports = (checkout.state / "ports.json").read_text()
    for pid in checkout.processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while checkout.processes():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    done = checkout.inv("deploy.all")
    assert done.returncode == 0, done.stdout + done.stderr
    assert checkout.vault == before
    assert (checkout.state / "ports.json").read_text() == ports
    assert checkout.inv("test.smoke").returncode == 0


def test_two_operators_at_once_are_told_apart(fresh: Callable[[], Checkout]) -> None:
    checkout = fresh()
    process = checkout.start("deploy.all")
    drain(process)
    assert wait_for(lambda: begun(checkout, "local.supervisor", 0), process)
    second = checkout.inv("deploy.all")
    assert second.returncode == 1
    assert "LOCK-001" in second.stderr
    assert str(process.pid) in second.stderr
    assert process.wait(120) == 0


def test_taking_it_down_leaves_no_process_and_keeps_the_data(fresh: Callable[[], Checkout]) -> None:
    checkout = fresh()
    assert checkout.inv("deploy.all").returncode == 0
    before = checkout.vault
    stack = checkout.root / "ops" / "stack.toml"
    described = stack.read_text()
    stack.write_text("version = \n")  # what runs must be stoppable whatever state its description is in
    done = checkout.inv("local.down")
    assert done.returncode == 0, done.stderr
    assert {"stopped gateway", "stopped edge", "stopped postgres", "stopped supervisord"} <= {*done.stdout.splitlines()}
    assert checkout.processes() == {}
    assert checkout.inv("local.down").stdout == "nothing was running\n"
    stack.write_text(described)
    dry = checkout.inv("--dry", "deploy.all")
    assert dry.returncode == 2, dry.stdout  # what needs a server that is down is no failure: it would be started
    assert checkout.inv("deploy.all").returncode == 0
    assert checkout.vault == before
