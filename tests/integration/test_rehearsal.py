"""A deployed rehearsal, seen by an operator and by a script."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from ops.description.paths import ROOT
from ops.description.read import read
from ops.runbook.secret import Secret
from ops.services.endpoints import Endpoints
from ops.services.langfuse import Langfuse
from tests.integration.checkout import Checkout, outcomes

STACK = read(ROOT / "ops" / "stack.toml", {})


def test_a_second_deploy_changes_nothing(rehearsal: Checkout) -> None:
    document = rehearsal.json("deploy.all")
    assert set(outcomes(document).values()) == {"ok", "skipped"}
    assert outcomes(document)["deploy.clickhouse"] == "skipped"
    assert document["version"] == 1
    assert document["exit_code"] == 0


def test_all_six_tests_of_the_runbook_pass(rehearsal: Checkout) -> None:
    document = rehearsal.json("test.all")
    results = {key: status for key, status in outcomes(document).items() if key.startswith("test.")}
    assert results == dict.fromkeys(
        ["test.smoke", "test.cache", "test.semantic", "test.quota", "test.failover", "test.langfuse"], "ok"
    ), document


def test_a_plan_of_a_finished_deploy_has_nothing_to_do(rehearsal: Checkout) -> None:
    done = rehearsal.inv("plan")
    assert done.returncode == 0, done.stdout
    document = rehearsal.json("plan")
    assert document["pending"] == 0
    assert {step["answer"] for step in document["steps"]} == {"as wanted", "skipped"}


def test_the_dashboard_in_langfuse_is_made_once(rehearsal: Checkout) -> None:
    would = rehearsal.inv("--dry", "monitor.dashboards")
    assert would.returncode == 0, would.stderr
    assert would.stdout.count("would make ") == len(would.stdout.splitlines()) > 1
    made = rehearsal.inv("monitor.dashboards")
    assert (made.returncode, made.stdout) == (0, would.stdout.replace("would make ", "made ")), made.stderr
    again = rehearsal.inv("monitor.dashboards")
    assert (again.returncode, again.stdout.split(":")[0]) == (0, "all of it is there")


def test_status_is_the_checklist_with_endpoints(rehearsal: Checkout) -> None:
    document = rehearsal.json("status")
    assert (document["version"], document["kind"], document["target"]) == (1, "status", "local")
    assert set(document["endpoints"]) == {"gateway", "langfuse", "connect", "ca"}
    assert Path(document["endpoints"]["ca"]).is_file()
    groups = [line["group"] for line in document["checklist"]]
    assert sorted(set(groups)) == ["Documentation", "Handoff", "Infrastructure", "Testing"]
    infrastructure = [line for line in document["checklist"] if line["group"] == "Infrastructure"]
    assert len(infrastructure) == 6
    assert all(line["met"] and line["evidence"] for line in infrastructure)


def test_a_script_can_use_the_rehearsal_with_status_and_vault_get(rehearsal: Checkout) -> None:
    endpoints = rehearsal.json("status")["endpoints"]
    key = rehearsal.inv("vault.get", "ADMIN_KEY").stdout
    assert key == rehearsal.vault["ADMIN_KEY"]
    host = endpoints["gateway"].removeprefix("https://")
    with httpx.Client(verify=_trust(endpoints["ca"]), trust_env=False) as client:
        response = client.post(
            f"https://{endpoints['connect']}/v1/chat/completions",
            headers={"Host": host, "Authorization": f"Bearer {key}"},
            json={"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Say the word heliotrope"}]},
            extensions={"sni_hostname": host.split(":")[0]},
        )
    assert response.status_code == 200
    assert "heliotrope" in response.json()["choices"][0]["message"]["content"]


def _trust(ca: str) -> Any:
    import ssl

    return ssl.create_default_context(cafile=ca)


def test_commands_work_from_any_directory(rehearsal: Checkout, tmp_path: Path) -> None:
    assert rehearsal.inv("plan", cwd=tmp_path).returncode == 0


# The servers themselves write their data and their logs all the time, and Python what it has compiled.
FOREIGN = {"data", "logs", ".venv", ".venv-gateway", ".venv-rehearsal", "__pycache__"}


def snapshot(checkout: Checkout) -> dict[str, Any]:
    """Files with their content, processes, and the database's schemas, roles and tables."""
    files = {}
    for file in sorted(checkout.root.rglob("*")):
        relative = file.relative_to(checkout.root)
        if file.is_symlink() or not file.is_file() or FOREIGN & set(relative.parts):
            continue
        info = file.stat()
        files[str(relative)] = (hashlib.sha256(file.read_bytes()).hexdigest(), info.st_mode, info.st_mtime_ns)
    return {"files": files, "processes": checkout.servers(), "database": _database(checkout)}


def _database(checkout: Checkout) -> list[tuple[Any, ...]]:
    url = checkout.vault.get("SUPABASE_DIRECT_URL")
    if url is None:
        return []
    with psycopg.connect(url) as connection:
        return (
            connection.execute(
                "select n.nspname, c.relname, c.oid, coalesce(array_to_string(n.nspacl, ','), '') from pg_namespace n"
                " left join pg_class c on c.relnamespace = n.oid where n.nspname !~ '^pg_' order by 1, 2, 3"
            ).fetchall()
            + connection.execute("select rolname, oid from pg_roles order by 1").fetchall()
        )


@pytest.mark.parametrize("words", [["plan"], ["plan", "--all"], ["--dry", "deploy.all"], ["status"], ["doctor"]])
def test_looking_touches_nothing_in_a_deployed_rehearsal(rehearsal: Checkout, words: list[str]) -> None:
    before = snapshot(rehearsal)
    rehearsal.inv(*words)
    assert snapshot(rehearsal) == before


# Where secrets are meant to be: the vault, each server's own variables, the stores' own data.
HOLDERS = tuple(
    f".state/local/{name}" for name in ("vault.json", "env/", "data/postgres/", "data/redis/", "data/storage/")
)


def test_what_no_program_may_know_is_found_nowhere(rehearsal: Checkout) -> None:
    """Every value of the vault, searched in argument lists, logs, journal, supervisor's files and git's view."""
    secrets = {name: value for name, value in rehearsal.vault.items() if name != "MINIO_ROOT_USER"}
    assert len(secrets) > 15
    rehearsal.inv("test.smoke")
    rehearsal.inv("vault.list")
    places: dict[str, str] = {}
    for pid, words in rehearsal.processes().items():
        places[f"argv of {pid}"] = " ".join(words)
    for file in rehearsal.root.rglob("*"):
        relative = str(file.relative_to(rehearsal.root))
        if file.is_symlink() or not file.is_file() or relative.startswith((".venv", ".git/")):
            continue
        if relative.startswith(HOLDERS):
            private = [*file.parents][: len(Path(relative).parts)]
            assert any(place.stat().st_mode & 0o077 == 0 for place in (file, *private)), f"{relative} is open to others"
            continue
        places[relative] = file.read_bytes().decode(errors="replace")
    assert any("journal.jsonl" in place for place in places)
    assert any(".log" in place for place in places)
    leaks = [(name, place) for name, value in secrets.items() for place, text in places.items() if value in text]
    assert not leaks


NEEDED = {
    "gateway": {
        "LITELLM_MASTER_KEY", "OPENAI_API_KEY", "REDIS_URL", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY",
        "PROD_CUSTOMER_KEY", "PROD_CEO_KEY", "PROD_BACKGROUND_KEY", "ADMIN_KEY", "PROBE_KEY",
    },
    "openai": {"OPENAI_API_KEY"},
    "watch": {"LITELLM_MASTER_KEY", "REDIS_URL", "SMTP_PASSWORD"},
    "smtp": {"SMTP_PASSWORD"},
    "langfuse": {
        "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "LANGFUSE_ADMIN_PASSWORD", "LANGFUSE_NEXTAUTH_SECRET",
        "LANGFUSE_SALT", "LANGFUSE_ENCRYPTION_KEY", "LANGFUSE_DB_PASSWORD", "REDIS_URL", "CLICKHOUSE_PASSWORD",
        "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY",
    },
    "storage": {"MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"},
}  # fmt: skip


def test_each_process_has_only_the_secrets_it_needs_in_its_environment(rehearsal: Checkout) -> None:
    servers = {server["name"]: server["pid"] for server in rehearsal.json("local.status")["servers"]}
    assert "gateway" in servers
    for name, pid in servers.items():
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        held = {secret for secret, value in rehearsal.vault.items() if value in environment}
        assert held <= NEEDED.get(name, set()), f"{name} holds {held - NEEDED.get(name, set())}"


def test_git_sees_nothing_of_a_rehearsal(rehearsal: Checkout) -> None:
    subprocess.run(["git", "init", "-q"], cwd=rehearsal.root, check=True)
    try:
        seen = subprocess.run(
            ["git", "ls-files", "--others", "--exclude-standard"],
            cwd=rehearsal.root, capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
    finally:
        import shutil

        shutil.rmtree(rehearsal.root / ".git")
    assert not [name for name in seen if name.startswith((".state", "vault/", ".env")) and name != ".env.example"]


def test_drift_of_a_rendered_file_is_shown_as_a_difference_and_repaired(rehearsal: Checkout) -> None:
    config = next(rehearsal.root.glob("fly/*/config/litellm.config.yaml"))
    text = config.read_text()
    config.write_text(text.replace("rpm: 60", "rpm: 61"))
    try:
        planned = rehearsal.inv("plan")
        assert planned.returncode == 2
        assert "-" in planned.stdout
        assert "rpm: 61" in planned.stdout
        assert rehearsal.inv("build.config").returncode == 0
        assert config.read_text() == text
    finally:
        config.write_text(text)
        assert rehearsal.inv("deploy.all").returncode == 0


def test_a_killed_gateway_comes_back_by_itself_or_by_a_deploy(rehearsal: Checkout) -> None:
    import os
    import signal

    pid = next(server["pid"] for server in rehearsal.json("local.status")["servers"] if server["name"] == "gateway")
    os.kill(pid, signal.SIGKILL)
    assert rehearsal.inv("deploy.all").returncode == 0
    assert rehearsal.inv("test.smoke").returncode == 0


@pytest.mark.parametrize("name", ["LANGFUSE_SECRET_KEY", "LANGFUSE_ADMIN_PASSWORD"])
def test_what_a_rotation_says_to_run_next_leaves_the_old_value_dead(rehearsal: Checkout, name: str) -> None:
    old = dict(rehearsal.vault)
    told = rehearsal.inv("vault.rotate", name, "--yes")
    assert told.returncode == 0, told.stderr
    assert rehearsal.vault[name] != old[name]
    answers = {step["key"]: step["answer"] for step in rehearsal.json("plan")["steps"]}
    assert answers["deploy.accounts"] == "differs"
    assert _lets_in(rehearsal, name, old)
    following = told.stdout.partition("next: inv ")[2].split()
    done = rehearsal.inv(*following)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not _lets_in(rehearsal, name, old)
    assert _lets_in(rehearsal, name, rehearsal.vault)
    assert rehearsal.inv("plan").returncode == 0


def _lets_in(rehearsal: Checkout, name: str, vault: Mapping[str, str]) -> bool:
    """Whether Langfuse takes these values, asked as a program and a browser ask."""
    endpoints = rehearsal.json("status")["endpoints"]
    there = Endpoints(endpoints["gateway"], endpoints["langfuse"], endpoints["connect"], Path(endpoints["ca"]))
    pair = Secret(vault["LANGFUSE_PUBLIC_KEY"]), Secret(vault["LANGFUSE_SECRET_KEY"])
    with Langfuse(there, *pair) as langfuse:
        if name == "LANGFUSE_SECRET_KEY":
            return langfuse.site.request("GET", "/api/public/projects", auth=langfuse.auth).status_code == 200
        return bool(langfuse.login(STACK.stack.operator_email, Secret(vault[name])).get("user"))


def test_every_line_of_the_journal_is_json_with_a_version(rehearsal: Checkout) -> None:
    for line in (rehearsal.state / "journal.jsonl").read_text().splitlines():
        event = json.loads(line)
        assert event["v"] == 1
        assert event["event"] in {"begin", "started", "step", "end", "interrupted", "dashboards"}
