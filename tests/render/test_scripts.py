"""The start scripts, run for real; programs that say what they were given take the place of the real ones."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.build.files import write
from ops.render import processes
from ops.render.processes import Variable
from tests.render.support import SECOND_STACK_FILE, STACK_FILE, deployment, stack

SHELLS = [shell for shell in (["sh"], ["dash"], ["bash", "--posix"], ["busybox", "ash"]) if shutil.which(shell[0])]
TELL = f"""#!{sys.executable} -I
import json, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})
told = dict(argv=sys.argv[1:], env=dict(os.environ), cwd=os.getcwd(), pid=os.getpid())
print(json.dumps(told), flush=True)
if os.environ.get("LANG") == "wait":
    signal.sigwait({{signal.SIGTERM}})
    print("stopped", flush=True)
"""


class Rig:
    """A rendered folder, and stand-ins that report their arguments and environment as JSON."""

    def __init__(self, root: Path, file: Path = STACK_FILE) -> None:
        self.deployment = deployment(root / "a checkout", file)
        write(self.deployment.stack, self.deployment.gateway_dir)
        self.bin = self.deployment.gateway_dir / "bin"
        self.tell = root / "tell"
        self._program(self.tell, TELL)
        self.tools = root / "tools"
        self.seen = root / "seen"
        self._program(self.tools / "dumb-init", '#!/bin/sh\n[ "$1" = -- ] && shift\nexec "$@"\n')
        self.langfuse = root / "app"
        for part in ("web", "worker"):
            self._program(self.langfuse / part / "entrypoint.sh", f'#!/bin/sh\nexec "{self.tell}" "$@"\n')

    def _program(self, file: Path, text: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def record_arguments(self) -> None:
        """Let every program the scripts call note its arguments."""
        for name in ("env", "sed", "dirname"):
            real = shutil.which(name)
            self._program(self.tools / name, f'#!/bin/sh\nprintf "%s\\n" "$@" >> "{self.seen}"\nexec {real} "$@"\n')

    def environment(self, variables: tuple[Variable, ...]) -> dict[str, str]:
        """A value for everything required, and where the stand-ins are."""
        return {
            "PATH": f"{self.tools}:{os.environ['PATH']}",
            **{variable.source: f"value of {variable.source}" for variable in variables if variable.required},
            "GATEWAY_PYTHON": str(self.tell),
            "EDGE_CADDY": str(self.tell),
            "LANGFUSE_DIR": str(self.langfuse),
        }

    def start(self, script: str, env: dict[str, str], shell: list[str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*(shell or ["sh"]), str(self.bin / script)],
            env=env,
            cwd="/",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, script: str, env: dict[str, str], shell: list[str] | None = None) -> dict[str, object]:
        process = self.start(script, env, shell)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, "")
        told: dict[str, object] = json.loads(out)
        assert told["pid"] == process.pid, "the script must hand its process over, not stay in front of it"
        return told


Process = tuple[str, Callable[..., tuple[Variable, ...]]]
PROCESSES: list[Process] = [
    ("start-litellm.sh", processes.gateway),
    ("start-langfuse.sh", processes.ui),
    ("start-langfuse-worker.sh", processes.worker),
]
EACH = pytest.mark.parametrize(("script", "process"), PROCESSES, ids=[script for script, _ in PROCESSES])


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


@EACH
@pytest.mark.parametrize("shell", SHELLS, ids=[" ".join(shell) for shell in SHELLS])
def test_a_process_gets_its_own_variables_under_its_own_names_and_no_other(
    rig: Rig, script: str, process: Callable[..., tuple[Variable, ...]], shell: list[str]
) -> None:
    variables = process(rig.deployment.stack)
    others = {v.source for _, other in PROCESSES for v in other(rig.deployment.stack)} - {v.source for v in variables}
    env = {
        **rig.environment(variables),
        **{name: f"foreign {name}" for name in others},
        "OPENAI_API_KEY": "foreign",
        "FLY_API_TOKEN": "foreign",
        "SEVERAL": "foreign\nPATH=/nowhere\nDATABASE_URL=foreign\nforeign",
    }
    told = rig.run(script, env, shell)["env"]
    assert isinstance(told, dict)
    for variable in variables:
        if variable.required:
            assert told.pop(variable.name) == f"value of {variable.source}"
        elif variable.default:
            assert told.pop(variable.name) == variable.default
    assert "foreign" not in json.dumps(told)
    assert "value of" not in json.dumps(told)
    assert told["PATH"] == env["PATH"]


@EACH
def test_what_is_optional_is_passed_on_where_it_is_set_and_absent_where_not(
    rig: Rig, script: str, process: Callable[..., tuple[Variable, ...]]
) -> None:
    variables = [v for v in process(rig.deployment.stack) if not v.required]
    env = rig.environment(process(rig.deployment.stack))
    # As the image presets PORT and an operator may have NODE_OPTIONS: the process's own name is no way in.
    strays = {v.name: "stray" for v in variables if v.name != v.source}
    bare = rig.run(script, {**env, **strays})["env"]
    told = rig.run(script, {**env, **{v.source: f"set {v.source}" for v in variables}})["env"]
    assert isinstance(bare, dict)
    assert isinstance(told, dict)
    for variable in variables:
        assert bare.get(variable.name, "") == variable.default
        assert told[variable.name] == f"set {variable.source}"


@EACH
def test_every_missing_variable_is_named_at_once_and_nothing_starts(
    rig: Rig, script: str, process: Callable[..., tuple[Variable, ...]]
) -> None:
    required = [v.source for v in process(rig.deployment.stack) if v.required]
    env = rig.environment(process(rig.deployment.stack))
    absent, empty = required[0], required[-1]
    del env[absent]
    env[empty] = ""
    started = rig.start(script, env)
    out, err = started.communicate(timeout=30)
    assert (started.returncode, out) == (2, "")
    assert f"{script}: {absent} is not set" in err
    assert f"{script}: {empty} is not set" in err
    assert "inv deploy.secrets" in err
    assert "value of" not in err


@EACH
def test_values_never_become_arguments(rig: Rig, script: str, process: Callable[..., tuple[Variable, ...]]) -> None:
    rig.record_arguments()
    told = rig.run(script, rig.environment(process(rig.deployment.stack)))
    assert "value of" not in json.dumps(told["argv"])
    assert rig.seen.exists()
    assert "value of" not in rig.seen.read_text()


@EACH
def test_variables_named_like_the_scripts_own_do_no_harm_and_go_no_further(
    rig: Rig, script: str, process: Callable[..., tuple[Variable, ...]]
) -> None:
    own = dict.fromkeys(("name", "value", "missing", "here", "script", "IFS", "CDPATH"), "exported")
    told = rig.run(script, {**rig.environment(process(rig.deployment.stack)), **own, "CDPATH": "/tmp:/"})["env"]
    assert isinstance(told, dict)
    assert not {"name", "value", "missing", "here", "script", "CDPATH"} & told.keys()


@EACH
def test_values_with_quotes_spaces_dollars_and_line_ends_arrive_whole(
    rig: Rig, script: str, process: Callable[..., tuple[Variable, ...]]
) -> None:
    nasty = "a b  'c' \"d\" $HOME `id` $(id) \\n * ? é\nPATH=/x\n"
    variables = process(rig.deployment.stack)
    first = next(v for v in variables if v.required)
    told = rig.run(script, {**rig.environment(variables), first.source: nasty})["env"]
    assert isinstance(told, dict)
    assert told[first.name] == nasty


@EACH
def test_a_signal_reaches_the_process_itself(
    rig: Rig, script: str, process: Callable[..., tuple[Variable, ...]]
) -> None:
    started = rig.start(script, {**rig.environment(process(rig.deployment.stack)), "LANG": "wait"})
    try:
        assert started.stdout is not None
        started.stdout.readline()
        started.send_signal(signal.SIGTERM)
        out, _ = started.communicate(timeout=30)
    finally:
        started.kill()
    assert (started.returncode, out) == (0, "stopped\n")


def test_the_gateway_is_started_from_its_own_folder_with_the_rendered_configuration(rig: Rig) -> None:
    told = rig.run("start-litellm.sh", rig.environment(processes.gateway(rig.deployment.stack)))
    env = told["env"]
    assert isinstance(env, dict)
    assert told["argv"] == ["-m", "llm_gateway"]
    assert told["cwd"] == str(rig.deployment.gateway_dir.resolve())
    assert Path(env["CONFIG_FILE_PATH"]).samefile(rig.deployment.gateway_dir / "config" / "litellm.config.yaml")


def test_a_gateway_python_that_is_not_there_is_named(rig: Rig) -> None:
    env = {**rig.environment(processes.gateway(rig.deployment.stack)), "GATEWAY_PYTHON": "/nowhere/python"}
    started = rig.start("start-litellm.sh", env)
    _, err = started.communicate(timeout=30)
    assert started.returncode == 2
    assert "/nowhere/python" in err
    assert "GATEWAY_PYTHON" in err


def test_langfuse_is_started_through_its_own_entrypoint_in_its_own_folder(rig: Rig) -> None:
    ui = rig.run("start-langfuse.sh", rig.environment(processes.ui(rig.deployment.stack)))
    worker = rig.run("start-langfuse-worker.sh", rig.environment(processes.worker(rig.deployment.stack)))
    assert (ui["argv"], ui["cwd"]) == (["node", "./web/server.js"], str(rig.langfuse))
    assert (worker["argv"], worker["cwd"]) == (["node", "worker/dist/index.js"], str(rig.langfuse))


def test_langfuse_listens_where_it_must_and_nowhere_else(rig: Rig) -> None:
    ui = rig.run("start-langfuse.sh", rig.environment(processes.ui(rig.deployment.stack)))["env"]
    worker = rig.run("start-langfuse-worker.sh", rig.environment(processes.worker(rig.deployment.stack)))["env"]
    assert isinstance(ui, dict)
    assert isinstance(worker, dict)
    assert (ui["HOSTNAME"], ui["PORT"]) == ("::", "3000")
    assert (worker["HOSTNAME"], worker["PORT"]) == ("0.0.0.0", "3030")
    assert ui["CLICKHOUSE_CLUSTER_ENABLED"] == worker["CLICKHOUSE_CLUSTER_ENABLED"] == "false"


def test_the_worker_runs_only_the_queue_consumers_that_are_needed(rig: Rig) -> None:
    worker = rig.run("start-langfuse-worker.sh", rig.environment(processes.worker(rig.deployment.stack)))["env"]
    assert isinstance(worker, dict)
    consumers = {name: value for name, value in worker.items() if name.startswith("QUEUE_CONSUMER_")}
    assert consumers["QUEUE_CONSUMER_OTEL_INGESTION_QUEUE_IS_ENABLED"] == "true"
    assert sum(value == "true" for value in consumers.values()) == 7
    assert len(consumers) == 28
    assert worker["LANGFUSE_QUEUE_METRICS_ENABLED"] == "false"


def test_l2_l6_l7_langfuse_is_told_what_an_outage_a_large_query_and_a_stop_need(rig: Rig) -> None:
    """L2, L6, L7."""
    image = {"NEXT_MANUAL_SIG_HANDLE": "true"}  # as Langfuse's own image sets it
    ui = rig.run("start-langfuse.sh", {**rig.environment(processes.ui(rig.deployment.stack)), **image})["env"]
    worker = rig.run("start-langfuse-worker.sh", rig.environment(processes.worker(rig.deployment.stack)))["env"]
    assert isinstance(ui, dict)
    assert isinstance(worker, dict)
    assert worker["LANGFUSE_INGESTION_CLICKHOUSE_MAX_ATTEMPTS"] == "120"
    query_bytes = rig.deployment.stack.clickhouse.memory_mb * 1024**2 // 2
    assert 0.3 < int(ui["CLICKHOUSE_MAX_BYTES_BEFORE_EXTERNAL_GROUP_BY"]) / query_bytes < 0.35
    # With it, Langfuse's web process takes 110 seconds to leave; Fly kills it after 60.
    assert "NEXT_MANUAL_SIG_HANDLE" not in ui
    assert ui["AUTH_DISABLE_SIGNUP"] == "true"


def test_the_edge_is_given_no_secret_at_all(rig: Rig) -> None:
    secrets = {name: f"value of {name}" for name in processes.secrets(rig.deployment.stack)}
    told = rig.run("start-edge.sh", {**rig.environment(()), **secrets})
    env = told["env"]
    argv = told["argv"]
    assert isinstance(env, dict)
    assert isinstance(argv, list)
    assert env.keys() <= {"PATH", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "LC_CTYPE"}
    assert argv[0] == "run"
    assert Path(argv[2]).samefile(rig.deployment.gateway_dir / "config" / "Caddyfile")


def test_another_companys_teams_keep_their_own_key_names(tmp_path: Path) -> None:
    rig = Rig(tmp_path, SECOND_STACK_FILE)
    told = rig.run("start-litellm.sh", rig.environment(processes.gateway(stack(SECOND_STACK_FILE))))["env"]
    assert isinstance(told, dict)
    assert told["REDAKTION_KEY"] == "value of REDAKTION_KEY"
    assert told["PORT"] == "4141"


def test_l9_the_clickhouse_that_loses_traces_is_warned_of_beside_the_image() -> None:
    """L9."""
    lines = STACK_FILE.read_text().splitlines()
    place = next(n for n, line in enumerate(lines) if "clickhouse/clickhouse-server:" in line)
    assert "26.8" in lines[place - 1]
    pinned = lines[place].partition("clickhouse-server:")[2].partition("@")[0]
    assert tuple(map(int, pinned.split("."))) < (26, 8)
