"""A checkout of its own for a test: the project's files copied, the virtual environments shared."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT = 240


class Checkout:
    """A copy of the project in a folder of the test's, with a rehearsal of its own.

    Args:
        folder: where the copy goes; must not exist yet.
        stack: another stack's description instead of the project's own.
    """

    def __init__(self, folder: Path, stack: Path | None = None) -> None:
        self.root = folder
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in listed.stdout.decode().split("\0"):
            source = ROOT / name
            if name and source.is_file() and not name.startswith("tests/"):
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        if stack is not None:
            self._become(stack)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        (folder / ".venv-gateway").symlink_to(ROOT / ".venv-gateway")

    def _become(self, stack: Path) -> None:
        """As another company would begin: its own stack file, and the gateway's folder under the name that says."""
        file = self.root / "ops" / "stack.toml"
        ours = tomllib.loads(file.read_text())["stack"]["folder"]
        shutil.copyfile(stack, file)
        theirs = self.root / tomllib.loads(file.read_text())["stack"]["folder"]
        theirs.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(self.root / ours, theirs)

    @property
    def state(self) -> Path:
        """The rehearsal's state folder."""
        return self.root / ".state" / "local"

    @property
    def journal(self) -> list[dict[str, Any]]:
        """Every whole line of the journal."""
        events = []
        with contextlib.suppress(FileNotFoundError):
            for line in (self.state / "journal.jsonl").read_text().splitlines():
                with contextlib.suppress(ValueError):
                    events.append(json.loads(line))
        return events

    @property
    def vault(self) -> dict[str, str]:
        """Every secret's value, by name; empty where there is no vault yet."""
        with contextlib.suppress(FileNotFoundError):
            data = json.loads((self.state / "vault.json").read_text())
            return {name: entry["value"] for name, entry in data["secrets"].items()}
        return {}

    def command(self, *words: str) -> list[str]:
        """The argument list of `./inv WORDS`."""
        return [sys.executable, "-S", str(self.root / "tasks.py"), *words]

    def environment(self, **more: str) -> dict[str, str]:
        """Ours, without what would reach into the rehearsal, or keep Python from remembering what it compiled."""
        foreign = ("STACK__", "RUNBOOK_", "FLY_", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {**kept, **more}

    def inv(self, *words: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `./inv WORDS` to its end."""
        return subprocess.run(
            self.command(*words),
            cwd=cwd or self.root,
            env=self.environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def json(self, *words: str) -> Any:
        """The JSON document `./inv WORDS --json` prints."""
        done = self.inv(*words, "--json")
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise AssertionError(f"no JSON from {words}: {done.stdout}{done.stderr}") from None

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start `./inv WORDS` in a session of its own, output piped."""
        return subprocess.Popen(
            self.command(*words),
            cwd=self.root,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def processes(self) -> dict[int, list[str]]:
        """Every process that has this checkout in its argument list, by pid."""
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != os.getpid():
                with contextlib.suppress(OSError):
                    words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
                    cwd = os.readlink(folder / "cwd")
                    if any(str(self.root) in word for word in words) or cwd.startswith(str(self.root)):
                        found[int(folder.name)] = words
        return found

    def servers(self) -> dict[int, list[str]]:
        """Those of them that another one did not start: a server's own workers come and go (Postgres's autovacuum)."""
        found = self.processes()
        return {pid: words for pid, words in found.items() if _parent(pid) not in found}

    def down(self) -> None:
        """Stop the rehearsal; whatever survives that is killed, and is a failure."""
        done = self.inv("local.down")
        deadline = time.monotonic() + 10
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert done.returncode == 0, done.stdout + done.stderr
        assert not left, left


def _parent(pid: int) -> int | None:
    """The process that started it, or None when it is gone by now (proc(5): the fourth field of stat)."""
    with contextlib.suppress(OSError):
        return int((Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    return None


def outcomes(document: Any) -> dict[str, str]:
    """Status by step key of a run's JSON document."""
    return {step["key"]: step["status"] for step in document["steps"]}


def assert_nothing_to_do(checkout: Checkout) -> None:
    """A plan of all five phases finds everything as wanted; a step for which it does not is shown, and why."""
    document = checkout.json("plan", "--all")
    wanted = {"as wanted", "skipped", "runs every time"}
    differing = [
        f"{step['number']} {step['key']}: {step['answer']} {step['code']} {step['evidence']} {step['diff']}"
        for step in document["steps"]
        if step["answer"] not in wanted
    ]
    assert (differing, document["exit_code"]) == ([], 0)


class Terminal:
    """`./inv WORDS` with a terminal, as a person has one: Ctrl-C typed there reaches the whole foreground group.

    Attributes:
        process: the command.
        shown: what the terminal has shown so far.
    """

    def __init__(self, checkout: Checkout, *words: str, **env: str) -> None:
        self._leader, follower = pty.openpty()

        def take_terminal() -> None:
            import fcntl
            import termios

            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            checkout.command(*words), cwd=checkout.root, env=checkout.environment(TERM="xterm", **env),
            stdin=follower, stdout=follower, stderr=follower, preexec_fn=take_terminal,
        )  # fmt: skip
        os.close(follower)
        self._chunks: list[bytes] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def shown(self) -> str:
        return b"".join(self._chunks).decode(errors="replace")

    def type(self, text: str) -> None:
        """Press these keys."""
        os.write(self._leader, text.encode())

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while chunk := os.read(self._leader, 65536):
                self._chunks.append(chunk)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self._reader.join(5)
        os.close(self._leader)
