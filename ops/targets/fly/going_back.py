"""Rollback: finding the last good release with another image than the present one, and deploying that image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ops.runbook.errors import RunbookError
from ops.runbook.step import Say
from ops.services.fly import Deploy
from ops.targets.fly import hold
from ops.targets.fly import wanted as wanted_apps
from ops.targets.fly.image import Image
from ops.targets.fly.patience import patiently
from ops.targets.fly.rollout import Rollout
from ops.targets.fly.seen import Gone

if TYPE_CHECKING:
    from ops.services.fly.shapes import Release
    from ops.targets.fly.account import Account
    from ops.targets.workspace import Workspace


def last_good(account: Account, app: str) -> tuple[Release, str]:
    """The newest complete release of another image than the one to leave, and that one.

    To be left is the newest release's image, if any machine runs it: a deploy that failed half-way leaves both.

    Raises:
        RunbookError: FLY-047 there is none.
    """
    try:
        machines = account.machines(app)
    except Gone:
        machines = []
    running = {seen.reference for seen in machines}
    releases = [(release, release.image.partition("@")[0]) for release in account.releases(app)]
    newest = releases[0][1] if releases else ""
    leave = {newest} if newest in running else running
    for release, image in releases:
        if release.status == "complete" and image and image not in leave:
            return release, ", ".join(sorted(leave))
    raise RunbookError(
        "FLY-047",
        f"{app} has no earlier good release with another image",
        why=f"{len(machines)} machines run {', '.join(sorted(running)) or 'nothing'}",
        next="inv deploy.all --target fly",
    )


def rollback(workspace: Workspace, account: Account, say: Say, *, to: str = "", fast: bool = False) -> str:
    """Put an earlier image into service, with the present config and secrets, and wait until it is healthy.

    Args:
        to: an image reference; the last good release's when not given.
        fast: all machines at once, without waiting for one before the next.

    Returns:
        One line: what runs now.

    Raises:
        RunbookError: FLY-047 nothing to go back to, FLY-043 it does not get healthy; FlyError as flyctl fails.
    """

    app = workspace.stack.fly.app
    with account.acting() as client:
        image, running = to, ""
        if not image:
            release, running = last_good(account, app)
            image = release.image
            say(f"going back from {running} to release {release.version}, {image}")
        releases = account.releases(app)
        newest = releases[0].version if releases else 0
        wanted = wanted_apps.gateway(workspace)
        # First: whoever goes on after this was killed is to go back as well, and not forward again.
        hold.keep(account.memory, wanted, image)
        wanted = msgspec.structs.replace(wanted, image=Image(app, given=image))
        rollout = Rollout(account, wanted, {}, say)
        # What was deployed last is not what runs from here on.
        account.memory.forget("deployed", app)
        strategy = "immediate" if fast else "rolling"
        deploy = Deploy(image=image, strategy=strategy, wait_s=rollout.healthy_s)
        patiently(account, app, lambda: client.deploy(app, wanted.config, deploy), say)
        rollout.gate(wanted.groups, newer_than=newest)
        digest = next((seen.machine.digest for seen in account.machines(app)), "")
        running_now = {"config": wanted.digest, "digest": digest, "image": wanted.image.wanted}
        account.memory.put("deployed", app, running_now)
    return f"{app} runs {image}, all groups healthy; it stays until {hold.LIFT} --target fly, or a new image"
