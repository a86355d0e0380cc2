"""The process group that writes alerts by e-mail: added by one deploy, restarted alone, taken away by another."""

from __future__ import annotations

from ops.runbook.step import State, Status
from ops.vault import rotate
from tests.flysim.machines import group_of
from tests.targets.fly.support import GATEWAY, Site

ON = {"STACK__WATCH__ON": "true"}
SMTP = "smtps://operator%40example.com:{}@smtp.example.com:465"


def machines(place: Site) -> dict[str, tuple[str, float]]:
    """Of the gateway's app: the group and the start of each."""
    return {m["id"]: (group_of(m), m["launched"]) for m in place.sim.state.apps[GATEWAY]["machines"].values()}


def assert_nothing_is_left_to_do(place: Site, **more: str) -> None:
    place.sim.forget_calls()
    again = place.deploy(**more)
    assert again.ok, again.troubles()
    assert place.sim.mutations == 0


def test_the_watch_is_added_alone_restarted_alone_and_taken_away(copied: Site) -> None:
    before = machines(copied)
    refused = copied.deploy(**ON).result.outcomes["setup.secrets"]
    assert refused.status is Status.BLOCKED
    assert "SMTP_URL" in refused.evidence
    assert machines(copied) == before

    given = {**ON, "SMTP_URL": SMTP.format("the-first-password-1")}
    done = copied.deploy(**given)
    assert done.ok, done.troubles()
    (watch,) = set(machines(copied)) - set(before)
    assert machines(copied).items() >= before.items(), "the watch was added, and another machine started anew"
    assert machines(copied)[watch][0] == "watch"
    config = copied.sim.state.apps[GATEWAY]["machines"][watch]["config"]
    assert config["init"]["cmd"] == ["/opt/gateway/bin/start-watch.sh"]
    assert not config.get("services")
    assert_nothing_is_left_to_do(copied, **given)

    added = machines(copied)
    given["SMTP_URL"] = SMTP.format("the-second-password-2")
    rotate.rotate(copied.deployment(**given).inventory, "SMTP_URL", confirmed=True)
    done = copied.deploy(**given)
    assert done.ok, done.troubles()
    assert copied.sim.state.apps[GATEWAY]["secrets"]["SMTP_URL"]["value"] == given["SMTP_URL"]
    assert [id for id, seen in machines(copied).items() if seen != added[id]] == [watch]

    planned = copied.plan()["deploy.release"].look
    assert planned.state is State.DRIFTED
    assert "a group the app no longer has" in planned.diff
    done = copied.deploy()
    assert done.ok, done.troubles()
    assert set(machines(copied)) == set(before)
    assert "SMTP_URL" not in copied.sim.state.apps[GATEWAY]["secrets"]
    assert_nothing_is_left_to_do(copied)
