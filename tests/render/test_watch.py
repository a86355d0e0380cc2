"""The watch's process group: rendered and given its secrets only where the description switches it on."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from ops.description.stack import Stack
from ops.description.watch import WatchRule
from ops.development.architecture import gateway_folder
from ops.document import alerts
from ops.monitor import report
from ops.render import processes
from ops.render.files import render_all
from ops.session.cost import estimate
from ops.vault import contract
from tests.render.support import SECOND_STACK_FILE, STACK_FILE, stack

BOTH = pytest.mark.parametrize("file", [STACK_FILE, SECOND_STACK_FILE], ids=["first", "second"])


def switched_on(file: Path) -> Stack:
    described = stack(file)
    return msgspec.structs.replace(described, watch=msgspec.structs.replace(described.watch, on=True))


@BOTH
@pytest.mark.parametrize("on", [True, False])
def test_the_group_is_there_with_its_secret_or_not_at_all(file: Path, on: bool) -> None:
    described = switched_on(file) if on else stack(file)
    toml = tomllib.loads(render_all(described)["fly.toml"])
    assert ("watch" in toml["processes"]) is on
    assert any("watch" in vm["processes"] for vm in toml["vm"]) is on
    assert any("watch" in restart["processes"] for restart in toml["restart"]) is on
    assert ("watch" in described.groups) is on
    assert ("SMTP_URL" in processes.secrets(described)) is on
    assert ("SMTP_URL" in contract.read().rules(described, "fly")) is on
    assert any(item.name.endswith(" watch") for item in estimate(described)) is on
    # A rehearsal has a mail server of its own, and never asks for the operator's.
    assert "SMTP_URL" not in contract.read().rules(described, "local")


@BOTH
def test_the_watch_reads_the_secrets_the_vaults_contract_gives_it(file: Path) -> None:
    described = switched_on(file)
    rules = contract.read().rules(described, "fly").values()
    given = {rule.consumers["watch"] for rule in rules if "watch" in rule.consumers}
    assert {v.source for v in processes.watch(described) if v.secret} == given


@BOTH
def test_the_watch_takes_its_rendered_settings(file: Path, tmp_path: Path) -> None:
    place = tmp_path / "watch.toml"
    place.write_text(render_all(stack(file))["config/watch.toml"])
    load = "import pathlib, sys; from llm_gateway.watch import settings as s; s.load(pathlib.Path(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", load, str(place)],
        env={"PYTHONPATH": str(gateway_folder())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@BOTH
def test_an_alert_and_the_report_have_one_goal_unless_the_rule_says_another(file: Path) -> None:
    described = stack(file)
    goals = described.success
    rules = tomllib.loads(render_all(described)["config/watch.toml"])["rules"]
    limits = {name: rules[name]["limit"] for name in ("errors", "latency", "spend")}
    assert limits == {"errors": goals.error_rate, "latency": goals.p95_latency_s, "spend": goals.daily_usd}
    assert rules["traces-missing"]["limit"] == report.TOLERANCE
    stricter = {**described.watch.rules, "spend": WatchRule(limit=7)}
    watch = msgspec.structs.replace(described.watch, rules=stricter)
    text = render_all(msgspec.structs.replace(described, watch=watch))["config/watch.toml"]
    assert tomllib.loads(text)["rules"]["spend"]["limit"] == 7


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("smtps://me%40shop.com:p%2Fw@mail.example.com:465", True),
        ("smtp://user:word@mail.example.com", True),
        ("http://user:word@mail.example.com", False),
        ("smtps://mail.example.com:465", False),
        ("smtps://me@shop.com:word@mail.example.com", False),
        ("smtps://user:word@mail.example.com:465/x", False),
    ],
)
def test_the_mail_servers_url_is_checked_before_it_is_kept(url: str, fits: bool) -> None:
    """Without its value being quoted."""
    from ops.runbook.secret import Secret
    from ops.vault import formats

    rule = contract.read().rule("SMTP_URL", switched_on(STACK_FILE), "fly")
    fault = formats.fault(rule.format, Secret(url))
    assert (fault is None) is fits
    assert url not in (fault or "")


def test_every_alert_has_a_section_and_a_row_in_the_guides() -> None:
    """A new rule cannot lack one: both are made from the watch's own list."""
    guides = Path(__file__).resolve().parents[2] / "docs" / "runbooks"
    incident = (guides / "llm-gateway-incident.md").read_text()
    monitoring = (guides / "llm-gateway-monitoring.md").read_text()
    folder = gateway_folder()
    assert alerts.sections(folder) in incident
    assert alerts.thresholds(stack(STACK_FILE), folder) in monitoring
    found = alerts.rules(folder)
    names = [*found["rules"], *(f"unseen-{name}" for name in found["sources"])]
    headings = [line.removeprefix("### Alert: ") for line in incident.splitlines() if line.startswith("### Alert: ")]
    assert headings == names
    assert len(found["rules"]) >= 15


def test_every_command_that_a_mail_names_exists() -> None:
    import re

    from ops.commands.namespace import namespace

    known = set(namespace().task_names)
    for about in (each for kind in alerts.rules(gateway_folder()).values() for each in kind.values()):
        for text in (about["first"], about.get("then", "")):
            for command in re.findall(r"\binv ([a-z]+(?:\.[a-z_]+)?)", text):
                assert command in known, command
        assert about["first"].startswith("inv ")
