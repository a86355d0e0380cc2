"""R1 on production: under --dry no command changes anything at Fly, in its Postgres, or on the operator's disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from ops.commands.namespace import namespace
from tests.integration.fly.test_command_line import Operator
from tests.integration.recording import OPTIONS, difference, files, rows
from tests.targets.fly.support import Site


def test_no_command_changes_anything_under_dry(deployed: Site, tmp_path: Path) -> None:
    operator = Operator(tmp_path / "copy", deployed)
    root, stack = operator.checkout.root, deployed.deployment().stack.stack
    vault = Path(stack.vault).parent
    for folder in (Path(".state"), vault):
        shutil.copytree(deployed.root / folder, root / folder, dirs_exist_ok=True, symlinks=True)
    home = tmp_path / "home"
    home.mkdir()
    url = deployed.environ["SUPABASE_DIRECT_URL"]
    deployed.sim.forget_calls()
    tasks = namespace()
    for name in sorted(tasks.task_names):
        target = ["--target", "fly"] if "target" in {argument.name for argument in tasks[name].get_arguments()} else []
        before = files(root, home), rows(url)
        done = operator.inv("--dry", name, *OPTIONS.get(name, []), *target, HOME=str(home))
        assert "CLI-008" not in done.stderr, done.stderr
        assert deployed.sim.mutations == 0, (name, [call.operation for call in deployed.sim.mutating_calls()])
        assert difference(before[0], files(root, home)) == [], f"{name}: {done.stdout}{done.stderr}"
        assert rows(url) == before[1], name
