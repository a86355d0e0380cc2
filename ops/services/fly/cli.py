"""Running the flyctl binary: a private state folder, a scrubbed environment, no log file, typed failures."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ops.runbook.errors import RunbookError
from ops.runbook.files import make_private
from ops.runbook.proc import Completed, run
from ops.runbook.secret import Secret
from ops.services.fly import agent, commands, errors
from ops.services.fly.errors import FlyError
from ops.services.fly.explaining import explain
from ops.services.fly.reading import pick
from ops.services.fly.shapes import Version

# What a child may inherit. FLY_APP, FLY_ORG, FLY_REGION, FLY_JSON and the like override flags silently,
# LOG_LEVEL and FLYCTL_OUTPUT_HAR write request bodies out: none of them passes.
_INHERITED = (
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "DOCKER_HOST",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "FLY_API_BASE_URL",
    "FLY_FLAPS_BASE_URL",
    "FLY_UIEX_BASE_URL",
    "FLY_REGISTRY_HOST",
)

_FIXED = {
    "FLY_SEND_METRICS": "0",
    "FLY_NO_UPDATE_CHECK": "1",
    "FLY_NO_INCIDENTS_CHECK": "1",
    "FLY_EMIT_RELEASE_JSON": "1",
    # A host only: deploy traces would otherwise leave over plain HTTP, with the token as a header.
    "FLY_TRACE_COLLECTOR_URL": "127.0.0.1",
    "CI": "1",
    "NO_COLOR": "1",
}

READ_S = 60.0
WRITE_S = 180.0


class Flyctl:
    """One flyctl binary with one token and one private state folder; safe to use from several threads.

    The folder is kept between calls on purpose: flyctl notes there the least version of an app's secrets,
    and a deploy right after an import needs it. What must not be kept is its request log, which holds
    secrets in clear: where flyctl wants its ``logs`` folder there is a file, so it cannot write any.
    The background agent, a process that would outlive us, is stopped when no tunnel needs it (`agent`).

    Args:
        token: an org token; None for what needs none, as `version`.
        state: private folder, made with mode 0700.
        binary: the program's name or path.
        environ: where the inherited variables come from.
    """

    def __init__(
        self, token: Secret | None, state: Path, *, binary: str = "flyctl", environ: Mapping[str, str] | None = None
    ) -> None:
        self._token = token
        self.state = state
        self.binary = binary
        self._environ = os.environ if environ is None else environ
        self._lock = threading.Lock()

    def environment(self) -> dict[str, str]:
        """The child's whole environment."""
        kept = {name: self._environ[name] for name in _INHERITED if self._environ.get(name)}
        token = {"FLY_API_TOKEN": self._token.reveal()} if self._token else {}
        # A library of flyctl's makes its cache folder at every start, whatever the command.
        own = {"FLY_CONFIG_DIR": str(self.state), "XDG_CACHE_HOME": str(self.state / "cache")}
        return {**kept, **_FIXED, **own, **token}

    def prepare(self) -> None:
        """Make the state folder, private, and keep flyctl from writing a log into it."""
        with self._lock:
            make_private(self.state)
            self.state.chmod(0o700)
            _block(self.state / "logs")
            agent.unblock(self.state)

    def with_agent(self) -> AbstractContextManager[None]:
        """While inside, flyctl's background agent may live; the last to leave stops it."""
        self.prepare()
        return agent.needed(self.state, self._stop_agent)

    def _stop_agent(self) -> None:
        words = self.words("agent", "stop")
        # Not through `proc`: this cleans up, and goes on when the run has been asked to stop.
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                words, env=self.environment(), cwd=self.state, stdin=subprocess.DEVNULL, capture_output=True, timeout=10
            )

    def find(self) -> str:
        """The binary's path.

        Raises:
            FlyError: FLY-001 when there is none.
        """
        found = shutil.which(self.binary, path=self._environ.get("PATH"))
        if found is None:
            raise FlyError(
                errors.MISSING_BINARY,
                f"{self.binary} is not installed, or not on PATH",
                "flyctl is Fly's command line tool; the runbook drives it",
                "install flyctl (https://fly.io/docs/flyctl/install), then inv doctor --target fly",
                blocked=True,
            )
        return found

    def words(self, *arguments: str) -> list[str]:
        """A command's argument list, with the binary's path.

        Raises:
            FlyError: FLY-001 there is no flyctl.
        """
        commands.named(arguments)
        return [self.find(), *arguments]

    def run(
        self,
        doing: str,
        *arguments: str,
        input: bytes | None = None,
        cwd: Path | None = None,
        timeout: float = READ_S,
    ) -> Completed:
        """Run flyctl and return what it printed.

        Args:
            doing: what this call does, as the start of an error sentence: ``creating the app x``.
            arguments: its arguments; no secret among them.
            input: bytes for standard input.
            cwd: where it runs; the state folder when not given, so that no fly.toml lies about.
            timeout: seconds.

        Raises:
            FlyError: a mapped failure.
        """
        self.prepare()
        argv = self.words(*arguments)
        try:
            done = run(argv, input=input, env=self.environment(), cwd=cwd or self.state, timeout=timeout, check=False)
        except RunbookError as error:
            if error.code != "PROC-003":
                raise
            raise FlyError(
                errors.CUT_OFF,
                f"{doing} did not finish within {timeout:.0f} s",
                "what was asked may or may not have been done",
                "run the same command again: it looks first",
                retry=True,
            ) from None
        finally:
            agent.end_unneeded(self.state, self._stop_agent)
        if done.returncode != 0:
            failure = explain(doing, done.stdout, done.stderr, done.returncode)
            failure.output = f"{done.stdout}\n{done.stderr}".strip()
            raise failure
        return done

    def json(self, doing: str, *arguments: str, timeout: float = READ_S, input: bytes | None = None) -> Any:
        """Run flyctl with ``--json`` and return what it printed, decoded; arguments as `run`, `timeout` in seconds.

        Raises:
            FlyError: a mapped failure, or FLY-028 when the output is no JSON.
        """
        done = self.run(doing, *arguments, "--json", timeout=timeout, input=input)
        text = done.stdout.lstrip()
        if not text:
            return None
        try:
            return _first_json(text)
        except ValueError:
            raise FlyError(
                errors.BAD_ANSWER,
                f"{doing} gave an answer that is not JSON",
                done.last_words,
                "check `flyctl version` against min_flyctl in ops/stack.toml",
            ) from None

    def version(self) -> Version:
        """The binary's version; needs no token and no network. Errors as `json`."""
        return Version(str(pick(self.json("asking flyctl for its version", "version"), "version", default="0")))

    def require(self, least: str) -> Version:
        """The version, at least `least`.

        Raises:
            FlyError: FLY-002 when it is older.
        """
        found = self.version()
        if found.numbers < Version(least).numbers:
            raise FlyError(
                errors.OLD_BINARY,
                f"flyctl {found.text} is older than {least}",
                "the shapes of its answers changed before that version",
                "flyctl version upgrade",
                blocked=True,
            )
        return found

    def forget(self) -> None:
        """Remove the state folder and all in it."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.state)


def _first_json(text: str) -> Any:
    """The first JSON value that begins a line: notices may stand before it, and text after it."""
    decoder = json.JSONDecoder()
    for line in re.finditer(r"^[ \t]*(?=[\[{]|null\b)", text, re.MULTILINE):
        with contextlib.suppress(ValueError):
            return decoder.raw_decode(text, line.end())[0]
    raise ValueError


def _block(path: Path) -> None:
    """Have an unreadable empty file where flyctl would make a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    if path.is_symlink() or not path.exists():
        path.unlink(missing_ok=True)
        path.touch(mode=0o400)
