"""The page of handing over names what really runs in production: release and image digest of each group."""

from __future__ import annotations

import re

from ops.session import versions
from tests.targets.fly.support import CLICKHOUSE, GATEWAY, IMAGES, MINIO, Site


def test_it_names_what_each_group_runs(copied: Site) -> None:
    machines = copied.sim.state.apps[GATEWAY]["machines"].values()
    shown = dict(versions.rows(copied.deployment()))
    groups = {machine["config"]["metadata"]["fly_process_group"] for machine in machines}
    assert {what for what in shown if what.startswith(f"`{GATEWAY}`")} == {f"`{GATEWAY}`, {group}" for group in groups}
    for machine in machines:
        group, image = machine["config"]["metadata"]["fly_process_group"], machine["image_ref"]["digest"]
        assert image
        value = shown[f"`{GATEWAY}`, {group}"]
        assert re.fullmatch(rf"\d x v\d+, `{re.escape(IMAGES['FLY_IMAGE'])}`, `{image}`", value), value
    assert any(what.startswith(f"`{CLICKHOUSE}`") for what in shown)
    assert any(what.startswith(f"`{MINIO}`") for what in shown)


def test_machines_that_run_different_images_stand_apart(copied: Site) -> None:
    first, *_ = copied.sim.state.apps[GATEWAY]["machines"].values()
    first["image_ref"]["digest"] = "sha256:" + "0" * 64
    digests = [value for what, value in versions.rows(copied.deployment()) if what.startswith(f"`{GATEWAY}`")]
    assert sum("sha256:" + "0" * 64 in value for value in digests) == 1


def test_an_account_that_does_not_answer_is_unknown(copied: Site) -> None:
    values = dict(versions.rows(copied.deployment(FLY_API_TOKEN="")))
    assert values["machines"].startswith("unknown: ")
