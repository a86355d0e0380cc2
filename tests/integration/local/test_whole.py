"""The whole rehearsal: the real LiteLLM behind the real edge, and what a second run finds.

One rehearsal for all, in the order of the file: starting the gateway takes its seconds.
"""

from __future__ import annotations

import json
import ssl
import stat
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ops.checks.smoke import still_working
from ops.runbook.errors import RunbookError
from ops.runbook.secret import Secret
from ops.runbook.step import State
from ops.targets.deployment import Deployment
from ops.targets.local import edge, processes
from ops.vault import setup
from tests.integration.local.bring_up import FIRST, converge
from tests.targets.local import support

REST = ("app", "secrets", "clickhouse", "storage", "release", "domains", "pooled")
EVERYTHING = (*FIRST, *REST)


@pytest.fixture(scope="module")
def rehearsal(whole: Deployment) -> Deployment:
    """Everything up, as `deploy.all` leaves it."""
    converge(whole, FIRST)
    setup.act(whole.inventory, support.quiet)
    _make_schema(whole)
    assert converge(whole, REST) == len(REST) - 1, "all but ClickHouse, which is not here, had to be brought about"
    return whole


def _make_schema(deployment: Deployment) -> None:
    """What step 1.3 does, as far as Langfuse needs it."""
    from psycopg import sql

    role, schema = sql.Identifier(deployment.stack.postgres.role), sql.Identifier(deployment.stack.postgres.schema)
    password = sql.Literal(deployment.vault.get("LANGFUSE_DB_PASSWORD").reveal())
    with psycopg.connect(deployment.vault.get("SUPABASE_DIRECT_URL").reveal(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
        connection.execute(sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(schema, role))


def ask(
    deployment: Deployment, host: str, path: str, key: str | None = None, body: dict[str, Any] | None = None
) -> tuple[int, Any]:
    """A request through the edge, its certificate verified."""
    import httpx

    found = deployment.target.endpoints()
    headers = {"Host": host, **({"Authorization": f"Bearer {deployment.vault.get(key).reveal()}"} if key else {})}
    trust = ssl.create_default_context(cafile=str(found.ca))
    with httpx.Client(base_url=f"https://{found.connect}", verify=trust, timeout=30, trust_env=False) as client:
        method = "GET" if body is None else "POST"
        answer = client.request(method, path, json=body, headers=headers, extensions={"sni_hostname": host})
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text


def chat(deployment: Deployment, text: str) -> tuple[int, Any]:
    body = {"model": deployment.stack.models.default, "messages": [{"role": "user", "content": text}]}
    return ask(deployment, deployment.stack.domains.gateway, "/v1/chat/completions", "PROBE_KEY", body)


def test_a_second_run_finds_nothing_to_do(rehearsal: Deployment) -> None:
    assert converge(rehearsal, EVERYTHING) == 0


def test_a_question_asked_at_the_edge_is_answered(rehearsal: Deployment) -> None:
    status, answer = chat(rehearsal, "a question nobody asked before")
    assert status == 200, answer
    assert "a question nobody asked before" in answer["choices"][0]["message"]["content"]


def test_without_a_key_nobody_is_answered(rehearsal: Deployment) -> None:
    assert ask(rehearsal, rehearsal.stack.domains.gateway, "/v1/models")[0] == 401


def test_the_operators_routes_are_not_public(rehearsal: Deployment) -> None:
    host = rehearsal.stack.domains.gateway
    assert ask(rehearsal, host, "/gateway/admin/status", "LITELLM_MASTER_KEY")[0] == 404


def test_both_names_lead_to_their_own(rehearsal: Deployment) -> None:
    domains = rehearsal.stack.domains
    assert ask(rehearsal, domains.langfuse, edge.LANGFUSE_PATH)[0] == 200
    assert ask(rehearsal, domains.gateway, edge.LANGFUSE_PATH)[0] == 404


def test_langfuse_reads_over_the_pooled_port_and_migrates_over_the_direct_one(rehearsal: Deployment) -> None:
    ports = support.local(rehearsal).rehearsal.ports
    evidence = rehearsal.target.pooled.look(rehearsal).evidence
    assert f"pooled port {ports.get('pooler')}" in evidence
    assert f"direct port {ports.get('postgres')}" in evidence


def test_no_secret_is_in_any_command_line_or_in_the_environment_of_who_does_not_need_it(rehearsal: Deployment) -> None:
    layout = support.local(rehearsal).layout
    values = {name: rehearsal.vault.get(name).reveal() for name in rehearsal.vault.names()}
    allowed = _allowed(rehearsal)
    for file in layout.pids.iterdir():
        pid = processes.alive(file)
        assert pid, file.name
        environment, command = _proc(pid, "environ"), _proc(pid, "cmdline")
        assert [name for name, value in values.items() if value in command] == [], file.name
        assert {name for name, value in values.items() if value in environment} <= allowed.get(file.name, set()), (
            file.name
        )


def _allowed(deployment: Deployment) -> dict[str, set[str]]:
    """Who may hold what: the vault's contract, and the stand-ins for what they stand for."""
    from ops.vault import contract

    rules = contract.read().rules(deployment.stack, "local").values()
    gateway = {rule.name for rule in rules if "gateway" in rule.consumers}
    ui = {rule.name for rule in rules if "ui" in rule.consumers}
    watch = {rule.name for rule in rules if "watch" in rule.consumers} | {"SMTP_PASSWORD"}
    return {
        "gateway": gateway,
        "watch": watch,
        "smtp": {"SMTP_PASSWORD"},
        "langfuse": {*ui, "LANGFUSE_DB_PASSWORD"},
        "openai": {"OPENAI_API_KEY"},
    }


def _proc(pid: int, what: str) -> str:
    """Of this process and the rest of its group."""
    if not Path("/proc/self").exists():
        pytest.skip("only Linux shows the environment of others")
    return Path(f"/proc/{pid}/{what}").read_bytes().decode(errors="replace")


def test_secrets_lie_only_in_files_of_their_owner(rehearsal: Deployment) -> None:
    layout = support.local(rehearsal).layout
    values = [rehearsal.vault.get(name).reveal().encode() for name in rehearsal.vault.names()]
    for file in layout.state.rglob("*"):
        # A server's own data files: opaque, and closed with their folder.
        if (
            not file.is_file()
            or layout.data("postgres") in file.parents
            or layout.data("storage") / "volumes" in file.parents
        ):
            continue
        if any(value in file.read_bytes() for value in values):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
            assert file.parent != layout.logs, f"{file} holds a secret"
            assert file.parent != layout.programs, f"{file} holds a secret"


def test_nothing_listens_beyond_loopback(rehearsal: Deployment) -> None:
    table = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    if not table[0].exists():
        pytest.skip("only Linux lists its listeners in files")
    ours = set(support.local(rehearsal).rehearsal.ports.known().values())
    loopback = {"0100007F", "00000000000000000000000001000000"}
    for file in table:
        for line in file.read_text().splitlines()[1:]:
            words = line.split()
            address, port = words[1].split(":")
            if words[3] == "0A" and int(port, 16) in ours:
                assert address in loopback, f"port {int(port, 16)} is open to others"


def test_a_configuration_the_gateway_refuses_is_shown_in_its_words_and_the_next_run_mends_it(
    rehearsal: Deployment,
) -> None:
    config = rehearsal.gateway_dir / "config" / "litellm.config.yaml"
    good, before = config.read_text(), _pids(rehearsal)
    config.write_text(good.replace("gateway:", "gateway: {this: [is, wrong", 1))
    assert rehearsal.target.release.look(rehearsal).state is State.DRIFTED
    with pytest.raises(RunbookError) as caught:
        converge(rehearsal, ("release",))
    assert caught.value.code == "LOCAL-005"
    assert "litellm.config.yaml" in caught.value.why
    config.write_text(f"{good}\n# another\n")
    assert converge(rehearsal, EVERYTHING) == 1
    after = _pids(rehearsal)
    assert {name for name in after if after[name] != before[name]} == {"gateway"}


def test_a_rotated_key_reaches_only_who_needs_it_and_works(rehearsal: Deployment) -> None:
    before = _pids(rehearsal)
    rehearsal.vault.put({"PROBE_KEY": Secret("a-new-key-for-the-probe-team-0123")}, origin="generated")
    assert rehearsal.target.secrets.look(rehearsal).state is State.DRIFTED
    # The gateway has not been restarted: the old key still opens it, and the smoke test would say so.
    assert still_working(rehearsal) == ["PROBE_KEY"]
    converge(rehearsal, EVERYTHING)
    assert still_working(rehearsal) == []
    after = _pids(rehearsal)
    assert {name for name in after if after[name] != before[name]} == {"gateway"}
    assert chat(rehearsal, "asked with the new key")[0] == 200


def test_the_edges_rules_follow_the_stack(rehearsal: Deployment) -> None:
    root = rehearsal.paths.root
    other = support.deployment(root, STACK__EDGE__MAX_BODY="1KB")
    assert "1KB" in other.target.domains.look(other).diff
    assert converge(other, ("domains",)) == 1
    assert chat(other, "x" * 2000)[0] == 413
    assert converge(rehearsal, ("domains",)) == 1


def test_a_killed_gateway_comes_back_with_the_configuration_it_had(rehearsal: Deployment) -> None:
    from ops.runbook.interrupt import wait_until

    number = _pids(rehearsal)["gateway"]
    subprocess.run(["/bin/kill", "-9", str(number)], check=True)
    release = rehearsal.target.release
    wait_until(lambda: release.look(rehearsal).satisfied, what="the gateway to be back", timeout=120)
    assert _pids(rehearsal)["gateway"] != number


def test_down_leaves_no_process_and_the_next_run_brings_all_back(rehearsal: Deployment) -> None:
    before = _pids(rehearsal)
    secrets = {name: rehearsal.vault.get(name) for name in rehearsal.vault.names()}
    support.down(rehearsal)
    assert not any(processes.group_alive(number) for number in before.values())
    converge(rehearsal, EVERYTHING)
    assert converge(rehearsal, EVERYTHING) == 0
    assert {name: rehearsal.vault.get(name) for name in rehearsal.vault.names()} == secrets
    assert chat(rehearsal, "asked after the pause")[0] == 200


def _pids(deployment: Deployment) -> dict[str, int]:
    return {file.name: processes.alive(file) for file in support.local(deployment).layout.pids.iterdir()}


def test_status_can_be_printed_for_programs(rehearsal: Deployment) -> None:
    found = support.status(rehearsal)
    assert json.loads(json.dumps([server.ports for server in found]))
    assert {server.name for server in found if server.ports} >= {"edge", "gateway", "postgres", "redis", "storage"}
