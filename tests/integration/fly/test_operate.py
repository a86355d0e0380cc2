"""Living with production: going back, scaling, looking, rotating, taking down."""

from __future__ import annotations

import psycopg
import pytest

from ops.commands.deploying import end_hold
from ops.phases.table import all_steps
from ops.runbook.errors import RunbookError
from ops.runbook.step import State
from ops.targets.deployment import Deployment
from ops.targets.fly.target import Fly
from ops.vault import rotate
from tests.flysim.machines import group_of
from tests.services.real_servers import NO_MINIO
from tests.targets.fly.support import CLICKHOUSE, GATEWAY, HOSTS, IMAGES, MINIO, Site

NEXT = "registry.example.com/gateway:2"


def production(place: Site, **more: str) -> tuple[Deployment, Fly]:
    deployment = place.deployment(**more)
    assert isinstance(deployment.target, Fly)
    return deployment, deployment.target


def quiet(text: str) -> None:
    """Progress nobody reads."""


def images(place: Site) -> set[str]:
    return {m["config"]["image"].partition("@")[0] for m in place.sim.state.apps[GATEWAY]["machines"].values()}


def test_rollback_puts_the_last_good_image_back_and_it_holds_until_it_is_lifted(copied: Site) -> None:
    _, fly = production(copied)
    with pytest.raises(RunbookError) as caught:
        fly.rollback(quiet)
    assert caught.value.code == "FLY-047"
    copied.sim.state.add_image(NEXT)
    second = copied.deploy(FLY_IMAGE=NEXT)
    assert second.ok, second.troubles()
    assert images(copied) == {NEXT}
    deployment, fly = production(copied, FLY_IMAGE=NEXT)
    said = fly.rollback(quiet)
    assert images(copied) == {IMAGES["FLY_IMAGE"]}
    assert IMAGES["FLY_IMAGE"] in said
    held = copied.plan(FLY_IMAGE=NEXT)["deploy.release"].look
    assert held.satisfied
    assert "inv deploy.all --release" in held.evidence
    for keys in ((), ("test.smoke",)):  # R2: neither a deploy nor a test goes forward by itself
        copied.deploy(FLY_IMAGE=NEXT, keys=keys)
        assert images(copied) == {IMAGES["FLY_IMAGE"]}
    end_hold(deployment)
    third = copied.deploy(FLY_IMAGE=NEXT)
    assert third.ok, third.troubles()
    assert images(copied) == {NEXT}


def test_a_new_image_ends_the_hold_of_a_rollback(copied: Site) -> None:
    copied.sim.state.add_image(NEXT)
    assert copied.deploy(FLY_IMAGE=NEXT).ok
    production(copied, FLY_IMAGE=NEXT)[1].rollback(quiet)
    third = NEXT.replace(":2", ":3")
    copied.sim.state.add_image(third)
    forward = copied.deploy(FLY_IMAGE=third)
    assert forward.ok, forward.troubles()
    assert images(copied) == {third}


def test_a_held_image_is_kept_well(copied: Site) -> None:
    """A machine that ails under a hold is mended with the image that is held."""
    copied.sim.state.add_image(NEXT)
    assert copied.deploy(FLY_IMAGE=NEXT).ok
    production(copied, FLY_IMAGE=NEXT)[1].rollback(quiet)
    copied.sim.drift.stop_machine(GATEWAY, "gateway")
    assert not copied.plan(FLY_IMAGE=NEXT)["deploy.release"].look.satisfied
    mended = copied.deploy(FLY_IMAGE=NEXT)
    assert mended.ok, mended.troubles()
    assert images(copied) == {IMAGES["FLY_IMAGE"]}


def test_rollback_from_an_image_that_never_gets_healthy(copied: Site) -> None:
    copied.sim.state.add_image(NEXT)
    copied.sim.behaviour.bad_images.add("gateway:2")
    second = copied.deploy(FLY_IMAGE=NEXT, RUNBOOK_HEALTH_WAIT_S="3")
    assert second.result.exit_code == 1
    _, fly = production(copied)
    fly.rollback(quiet, fast=True)
    assert images(copied) == {IMAGES["FLY_IMAGE"]}
    assert all(row.health == "healthy" for row in fly.machines())


def test_scaling_changes_one_group_and_is_left_alone_by_the_next_deploy(copied: Site) -> None:
    _, fly = production(copied)
    said = fly.scale("gateway", 3, quiet)
    assert "count = 3" in said
    rows = fly.machines()
    assert sum(row.group == "gateway" for row in rows) == 3
    copied.sim.forget_calls()
    again = copied.deploy()
    assert again.ok, again.troubles()
    assert copied.sim.mutations == 0
    fly.scale("gateway", 1, quiet)
    assert sum(row.group == "gateway" for row in fly.machines()) == 1
    for group, count in (("nobody", 1), ("gateway", 0), ("gateway", 99)):
        with pytest.raises(RunbookError) as caught:
            fly.scale(group, count, quiet)
        assert caught.value.code == "FLY-048"


def test_logs_are_read_by_app_and_group_with_secrets_redacted(deployed: Site) -> None:
    deployment, fly = production(deployed)
    key = deployment.vault.get("LITELLM_MASTER_KEY").reveal()
    machines = {
        m["config"]["metadata"]["fly_process_group"]: m["id"]
        for m in deployed.sim.state.apps[GATEWAY]["machines"].values()
    }
    line = {"level": "info", "region": "ord", "timestamp": "2026-01-01T00:00:00Z"}
    deployed.sim.rest.logs[GATEWAY] = [
        {**line, "instance": machines["ui"], "message": f"the key is {key}"},
        {**line, "instance": machines["edge"], "message": "hello"},
    ]
    text = "\n".join(next(fly.logs("", "ui", 10)))
    assert "the key is" in text
    assert key not in text
    assert "hello" not in text
    assert len(next(fly.logs("gateway", "", 1))) == 1
    for app, group in (("nobody", ""), ("", "nobody")):
        with pytest.raises(RunbookError) as caught:
            next(fly.logs(app, group, 10))
        assert caught.value.code == "FLY-048"


def test_logs_say_when_there_are_none_and_go_on_with_what_comes(deployed: Site) -> None:
    _, fly = production(deployed)
    deployed.sim.rest.logs[GATEWAY] = []
    assert "no log line of edge of" in next(fly.logs("", "edge", 10))[0]
    (edge, *_) = [m["id"] for m in deployed.sim.state.apps[GATEWAY]["machines"].values() if group_of(m) == "edge"]
    line = {"level": "info", "region": "ord", "timestamp": "2026-01-01T00:00:00Z", "instance": edge}
    deployed.sim.rest.logs[GATEWAY] = [{**line, "message": "one"}]
    coming = fly.logs("", "edge", 10)
    assert next(coming)[0].endswith("one")
    deployed.sim.rest.logs[GATEWAY] += [{**line, "message": "two"}, {**line, "message": "three"}]
    assert [text.split()[-1] for text in next(coming)] == ["two", "three"]
    assert next(coming) == []
    deployed.sim.rest.logs[GATEWAY] = []


def test_a_rotated_secret_reaches_its_machines_with_one_restart_and_the_old_value_is_gone(copied: Site) -> None:
    deployment = copied.deployment()
    old = deployment.vault.get("LITELLM_MASTER_KEY").reveal()
    rotate.rotate(deployment.inventory, "LITELLM_MASTER_KEY", confirmed=True)
    releases = {name: len(app["releases"]) for name, app in copied.sim.state.apps.items()}
    done = copied.deploy()
    assert done.ok, done.troubles()
    kept = copied.sim.state.apps[GATEWAY]["secrets"]["LITELLM_MASTER_KEY"]["value"]
    assert kept == copied.deployment().vault.get("LITELLM_MASTER_KEY").reveal()
    assert kept != old
    now = {name: len(app["releases"]) for name, app in copied.sim.state.apps.items()}
    assert now == {**releases, GATEWAY: releases[GATEWAY] + 1}


def test_what_a_rotation_says_to_run_next_puts_the_new_value_in_service(deployed: Site) -> None:
    from ops.runbook.run import with_needs
    from ops.vault import contract

    deployment, _ = production(deployed)
    steps = all_steps(deployment)
    # Secrets are staged by deploy.secrets: what restarts the machines that read one must be among the steps.
    restarts = {"gateway": "deploy.release", "ui": "deploy.release", "worker": "deploy.release"}
    restarts |= {"clickhouse": "deploy.clickhouse", "minio": "deploy.storage"}
    forgotten = []
    for name, rule in contract.read().rules(deployment.stack, "fly").items():
        if rule.rotation not in ("restart", "breaks-sessions") or not rule.then:
            continue
        run = {step.key for step in with_needs(steps, rule.then)}
        # Langfuse's database URLs are put together from these.
        readers = {*rule.consumers, *(("ui",) if name in ("SUPABASE_POOLED_URL", "LANGFUSE_DB_PASSWORD") else ())}
        needed = {restarts[reader] for reader in readers if reader in restarts}
        forgotten += [f"{name}: inv {' '.join(rule.then)} lacks {step}" for step in sorted(needed - run)]
    assert forgotten == []


def test_a_replaced_langfuse_pair_is_found_by_plan_and_deleted_by_deploy(copied: Site) -> None:
    from ops.services.langfuse_accounts import NOTE
    from ops.standins.langfuse_database import MIGRATIONS

    deployment = copied.deployment()

    def start() -> None:
        """What Langfuse does in Postgres when it starts."""
        with psycopg.connect(deployment.vault.get("SUPABASE_DIRECT_URL").reveal(), autocommit=True) as connection:
            connection.execute("SET ROLE langfuse")
            connection.execute("SET search_path TO langfuse")
            if connection.execute("SELECT to_regclass('api_keys')").fetchone() == (None,):
                for _, statement in MIGRATIONS:
                    connection.execute(statement.encode())
                connection.execute(
                    "INSERT INTO standin_projects VALUES (%s, 'p')", (deployment.stack.langfuse.project_id,)
                )
            key = deployment.vault.get("LANGFUSE_PUBLIC_KEY").reveal()
            connection.execute(
                "INSERT INTO api_keys (id, note, public_key, hashed_secret_key, display_secret_key, project_id)"
                " VALUES (%s, %s, %s, %s, 'sk', %s)",
                (key, NOTE, key, key, deployment.stack.langfuse.project_id),
            )

    start()
    assert copied.plan()["deploy.accounts"].look.satisfied
    old = deployment.vault.get("LANGFUSE_PUBLIC_KEY").reveal()
    rotate.rotate(deployment.inventory, "LANGFUSE_SECRET_KEY", confirmed=True)
    start()
    planned = copied.plan()["deploy.accounts"].look
    assert planned.state is State.DRIFTED
    assert old in planned.diff
    done = copied.deploy()
    assert done.ok, done.troubles()
    assert copied.plan()["deploy.accounts"].look.satisfied


def test_a_redis_password_that_was_reset_is_taken_over_and_reaches_the_machines(copied: Site) -> None:
    copied.sim.state.addons["hotdash-llm-cache"]["password"] = "reset-by-hand-0123456789"
    planned = copied.plan()["setup.redis"].look
    assert planned.state is State.DRIFTED
    done = copied.deploy()
    assert done.ok, done.troubles()
    app = copied.sim.state.apps[GATEWAY]
    assert "reset-by-hand" in app["secrets"]["GATEWAY_REDIS_URL"]["value"]
    # The edge reads no secret, and goes on.
    versions = {group_of(machine): machine["secrets_version"] for machine in app["machines"].values()}
    assert {group for group, version in versions.items() if version == app["secrets_version"]} == {
        "gateway",
        "ui",
        "worker",
    }


def test_a_rotated_clickhouse_password_is_changed_in_clickhouse_and_for_langfuse(copied: Site) -> None:
    import json

    rotate.rotate(copied.deployment().inventory, "CLICKHOUSE_PASSWORD", confirmed=True)
    done = copied.deploy()
    assert done.ok, done.troubles()
    new = copied.deployment().vault.get("CLICKHOUSE_PASSWORD").reveal()
    assert json.loads((copied.root.parent / "clickhouse.json").read_text())["users"]["langfuse"]["password"] == new
    assert copied.sim.state.apps[GATEWAY]["secrets"]["LANGFUSE_CLICKHOUSE_PASSWORD"]["value"] == new


def test_a_rotated_bucket_password_is_changed_in_minio(copied: Site, object_store: tuple[str, str, str] | None) -> None:
    from ops.services import s3

    if object_store is None:
        pytest.skip(NO_MINIO)
    deployment = copied.deployment()
    user, old = deployment.vault.get("S3_ACCESS_KEY_ID"), deployment.vault.get("S3_SECRET_ACCESS_KEY")
    rotate.rotate(deployment.inventory, "S3_SECRET_ACCESS_KEY", confirmed=True)
    done = copied.deploy()
    assert done.ok, done.troubles()
    endpoint = f"http://{object_store[0]}"
    new = copied.deployment().vault.get("S3_SECRET_ACCESS_KEY")
    assert s3._opens(s3.Account(endpoint, user, new), "langfuse")
    assert not s3._opens(s3.Account(endpoint, user, old), "langfuse")


def test_destroying_asks_for_the_name_takes_everything_down_and_can_be_followed_by_a_deploy(copied: Site) -> None:
    _, fly = production(copied)
    for said in ("", "yes", MINIO):
        with pytest.raises(RunbookError) as caught:
            fly.check_destroy(said)
        assert caught.value.code == "FLY-049"
    fly.check_destroy(GATEWAY)
    addresses, said = copied.addresses(), []
    assert fly.destroy(said.append) == [GATEWAY, CLICKHOUSE, MINIO, "hotdash-llm-cache"]
    for host in HOSTS:
        for address in addresses:
            assert any(f"DNS provider: {host}." in line and line.endswith(address) for line in said), said
    assert copied.sim.state.apps == {}
    assert copied.sim.state.addons == {}
    assert fly.destroy(quiet) == []
    (copied.root.parent / "clickhouse.json").unlink()
    again = copied.deploy()
    assert again.ok, again.troubles()


def test_the_gateways_admin_routes_are_asked_from_inside_its_machine(deployed: Site, tmp_path: object) -> None:
    import base64
    import json
    import re

    deployment, fly = production(deployed)
    asked: list[str] = []
    before = deployed.sim.v1.execute

    def execute(app: object, machine: object, command: str) -> tuple[int, str, str]:
        packed = re.search(r"echo (\S+)\|base64", command)
        assert packed is not None
        asked.append(base64.b64decode(packed[1]).decode())
        return 0, json.dumps({"status": 200, "body": '{"teams": {}}'}) + "\n", ""

    deployed.sim.v1.execute = execute
    try:
        assert fly.admin("GET", "/gateway/admin/teams") == {"teams": {}}
        assert "/gateway/admin/teams" in asked[0]
        assert deployment.vault.get("LITELLM_MASTER_KEY").reveal() not in asked[0]
        deployed.sim.v1.execute = lambda app, machine, command: (0, json.dumps({"status": 401, "body": "{}"}), "")
        with pytest.raises(RunbookError) as caught:
            fly.admin("GET", "/gateway/admin/teams")
        assert caught.value.code == "GW-001"
    finally:
        deployed.sim.v1.execute = before
