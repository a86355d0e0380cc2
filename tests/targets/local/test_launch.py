"""A server gets exactly the variables of its own file, and its pid is on record before it runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ops.targets.local.launch import birth
from ops.targets.local.program import LAUNCH


def launch(tmp_path: Path, variables: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "env.json").write_text(json.dumps(variables))
    words = [
        sys.executable,
        "-I",
        "-S",
        str(LAUNCH),
        "--pid",
        str(tmp_path / "pid"),
        "--env",
        str(tmp_path / "env.json"),
    ]
    return subprocess.run([*words, "--", *command], capture_output=True, text=True, timeout=20, check=False)


def test_the_program_sees_its_own_variables_and_none_of_ours(tmp_path: Path) -> None:
    given = {"A": "one\ntwo 'three' \"four\" 5%", "PATH": "/bin:/usr/bin"}
    done = launch(tmp_path, given, "/usr/bin/env", "-0")
    assert dict(line.split("=", 1) for line in done.stdout.split("\0") if line) == given


def test_the_recorded_pid_is_the_programs(tmp_path: Path) -> None:
    done = launch(tmp_path, {}, "/bin/sh", "-c", "echo $$")
    number, born = (tmp_path / "pid").read_text().split()
    assert done.stdout.strip() == number
    assert born


def test_a_program_that_is_not_there_is_named_in_one_line(tmp_path: Path) -> None:
    done = launch(tmp_path, {}, "/nowhere/server")
    assert done.returncode != 0
    assert done.stderr == "/nowhere/server: No such file or directory\n"


def test_birth_tells_processes_apart() -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as child:
        try:
            assert birth(os.getpid()) == birth(os.getpid())
            assert birth(child.pid)
        finally:
            child.kill()
    assert birth(child.pid) == ""
