from __future__ import annotations

import tomllib
import typing
from pathlib import Path

import msgspec
import pytest

from ops.description.stack import LangfuseFeature
from ops.render import processes, render_all
from ops.render.langfuse_features import ALWAYS, FEATURES
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


def test_a_feature_of_langfuse_is_one_line_and_switches_on_its_consumers_alone() -> None:
    """What every idle consumer costs is paid for what is used."""
    plain = render_all(described := stack())["bin/start-langfuse-worker.sh"]
    for name, feature in FEATURES.items():
        asked = msgspec.structs.replace(described.langfuse, also_on=(name,))
        changed = render_all(msgspec.structs.replace(described, langfuse=asked))["bin/start-langfuse-worker.sh"]
        new = set(changed.splitlines()) - set(plain.splitlines())
        wanted = {f"export QUEUE_CONSUMER_{each}_QUEUE_IS_ENABLED=true" for each in feature.consumers}
        assert new - {"export LANGFUSE_MONITOR_SCHEDULER_ENABLED=true"} == wanted
    assert set(FEATURES) == set(typing.get_args(LangfuseFeature))
    assert plain.count("_QUEUE_IS_ENABLED=true") == len(ALWAYS)
