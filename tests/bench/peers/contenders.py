"""What is measured: the same satisfied steps by each engine, each a command that ends well and changes nothing.

A step is a file that is to have one content and one mode; all of them have. Our engine and the bare loop are there
twice: reading the file themselves, and starting a program for each step, as the others do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.checkout import ROOT

WANTED, MODE = "as wanted\n", 0o644
PEERS = ROOT / ".venv-peers"

LOOKS = """
import os, pathlib, subprocess, sys
folder = pathlib.Path(sys.argv[1])
files = [folder / str(number) for number in range(int(sys.argv[2]))]
def read(file):
    return file.read_text() == "as wanted\\n" and file.stat().st_mode & 0o777 == 0o644
def ask(file):
    words = ["/bin/sh", "-c", 'test "$(stat -c %a "$1")" = 644 && test "$(cat "$1")" = "as wanted"', "sh", str(file)]
    return subprocess.run(words, check=False).returncode == 0
good = {"read": read, "ask": ask}[sys.argv[3]]
"""
LOOP = LOOKS + "sys.exit(not all([good(file) for file in files]))\n"
ENGINE = (
    LOOKS
    + """
from ops.runbook import run
from ops.runbook.step import Step, missing, satisfied
def step(number, file):
    def look(context):
        return satisfied("as wanted") if good(file) else missing("not as wanted")
    def act(context, say):
        raise AssertionError("a satisfied step was acted on")
    return Step(f"1.{number}", file.name, file.name, "one file", look, act)
sys.exit(run.run([step(number, file) for number, file in enumerate(files, 1)], None, []).exit_code)
"""
)
DEPLOY = """
from pyinfra.operations import files
for number in range({steps}):
    files.file(name=f"file {{number}}", path=f"{folder}/{{number}}", mode="644")
"""


@dataclass(frozen=True)
class Contender:
    """One way to the same end.

    Attributes:
        command: its argument list.
        unchanged: whether its output says that all steps were looked at and nothing was changed.
        environ: variables beside PATH and HOME.
    """

    name: str
    command: list[str]
    cwd: Path
    unchanged: Callable[[str], bool] = lambda text: True
    environ: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Used:
    """Seconds that a command took, all its children included in the CPU's."""

    cpu_s: float
    wall_s: float


def take(contender: Contender, home: Path) -> Used:
    """Run it once.

    Raises:
        SystemExit: it failed, or changed something: then its figure would say nothing.
    """
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), **contender.environ}
    with (home / "output").open("w+") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            contender.command, cwd=contender.cwd, env=environ,
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        said = output.read()
    if process.returncode or not contender.unchanged(said):
        sys.exit(f"{contender.name} did not find all as wanted (exit {process.returncode}):\n{said}")
    return Used(usage.ru_utime + usage.ru_stime, wall_s)


def engines(folder: Path, steps: int) -> list[Contender]:
    """Ours, the bare loop and the others, for this number of steps whose files are made in `folder`."""
    files = folder / "files"
    files.mkdir()
    for number in range(steps):
        (files / str(number)).write_text(WANTED)
        (files / str(number)).chmod(MODE)
    words = [str(files), str(steps)]
    deploy, play = folder / "deploy.py", folder / "play.json"
    deploy.write_text(DEPLOY.format(folder=files, steps=steps))
    play.write_text(json.dumps(_play(files, steps)))
    inventory = f"localhost ansible_connection=local ansible_python_interpreter={PEERS / 'bin' / 'python'}\n"
    (folder / "hosts").write_text(inventory)
    ours = [
        Contender(f"{what}, {how}", [sys.executable, "-c", program, *words, kind], ROOT)
        for how, kind in (("reading", "read"), ("a program each", "ask"))
        for what, program in (("a bare loop", LOOP), ("our engine", ENGINE))
    ]
    pyinfra = [str(PEERS / "bin" / "pyinfra"), "-y", "@local", str(deploy)]
    ansible = [str(PEERS / "bin" / "ansible-playbook"), "-i", str(folder / "hosts"), str(play)]
    return [
        *ours,
        Contender("pyinfra", pyinfra, folder, lambda text: text.count("No changes") == steps),
        Contender("Ansible", ansible, folder, lambda text: f"ok={steps} " in text and "changed=0 " in text),
    ]


def _play(files: Path, steps: int) -> list[dict[str, object]]:
    """A playbook; JSON is YAML as well."""
    wanted = [{"path": str(files / str(number)), "state": "file", "mode": f"{MODE:04o}"} for number in range(steps)]
    tasks = [{"ansible.builtin.file": arguments} for arguments in wanted]
    return [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
