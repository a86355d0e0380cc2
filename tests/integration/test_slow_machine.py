"""On a machine that is busy with something else, servers answer late: looks wait for them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

from tests.integration.checkout import Checkout, assert_nothing_to_do

SILENT_S = 6.5  # longer than the longest that a look once waited


def test_servers_that_are_silent_for_seconds_are_waited_for(rehearsal: Checkout) -> None:
    """R32: nothing differs because a machine is slow."""
    assert_nothing_to_do(rehearsal)
    servers = [server["pid"] for server in rehearsal.json("local.status")["servers"]]
    assert len(servers) > 5
    planning = None
    try:
        for pid in servers:
            os.kill(pid, signal.SIGSTOP)
        planning = rehearsal.start("plan", "--all")
        with contextlib.suppress(subprocess.TimeoutExpired):
            planning.wait(SILENT_S)
        early = planning.poll()
    finally:
        for pid in servers:
            os.kill(pid, signal.SIGCONT)
    said = planning.communicate(timeout=60)[0]
    assert early is None, f"it did not wait: {said}"
    assert planning.returncode == 0, said
