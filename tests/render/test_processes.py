from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ops.render import processes, render_all
from ops.vault import contract
from tests.render.support import SECOND_STACK_FILE, STACK_FILE, stack

BOTH = pytest.mark.parametrize("file", [STACK_FILE, SECOND_STACK_FILE], ids=["first", "second"])


@BOTH
@pytest.mark.parametrize("group", ["gateway", "ui", "worker"])
def test_each_process_reads_the_secrets_the_vaults_contract_gives_it(file: Path, group: str) -> None:
    described = stack(file)
    rules = contract.read().rules(described, "fly").values()
    given = {rule.consumers[group] for rule in rules if group in rule.consumers}
    read = {v.source for v in getattr(processes, group)(described) if v.secret}
    assert read == given


@BOTH
def test_every_variable_a_process_needs_is_a_secret_or_in_fly_toml(file: Path) -> None:
    described = stack(file)
    env = tomllib.loads(render_all(described)["fly.toml"])["env"]
    needed = {
        variable.source
        for process in (processes.gateway, processes.ui, processes.worker, processes.watch)
        for variable in process(described)
        if variable.required and not variable.secret
    }
    assert needed <= env.keys()
    assert not env.keys() & processes.secrets(described)


@BOTH
def test_fly_toml_sets_nothing_that_nobody_reads(file: Path) -> None:
    described = stack(file)
    rendered = render_all(described)
    env = tomllib.loads(rendered["fly.toml"])["env"]
    read = {
        v.source
        for process in (processes.gateway, processes.ui, processes.worker, processes.watch)
        for v in process(described)
    }
    scripts = "".join(text for name, text in rendered.items() if name.startswith("bin/start-"))
    by_the_scripts = {name for name in env if f"${{{name}:-" in scripts}
    assert env.keys() - read - by_the_scripts == set()


def test_queue_consumers_are_switched_on_or_off_and_never_both() -> None:
    assert not set(processes.CONSUMERS_ON) & set(processes.CONSUMERS_OFF)
