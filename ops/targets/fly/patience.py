"""Retrying after conditions that pass by themselves: leased machines, a builder that is not there yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from ops.runbook import interrupt
from ops.runbook.errors import RunbookError
from ops.runbook.interrupt import wait_until
from ops.runbook.step import Say
from ops.services.fly import FlyError
from ops.services.fly.errors import LEASED, NO_BUILDER

if TYPE_CHECKING:
    from ops.targets.fly.account import Account

T = TypeVar("T")

BUILDER_S = 15.0
# flyctl 0.4.87: a deploy takes leases of 13 s and renews them while it lives, `scale` and `machines` one of 120 s; a
# machine being made is leased for as long as its start may take, which is ten minutes with our --wait-timeout.
LONGEST_S = 900.0
MARGIN_S = 2.0


def patiently(account: Account, app: str, act: Callable[[], T], say: Say) -> T:
    """Do `act`; once more, when the app's machines are free again or Fly's builder has had a while.

    Raises:
        FlyError: as `act` does; FLY-022 with who holds a machine, when they go on holding it.
    """
    try:
        return act()
    except FlyError as error:
        if error.code == NO_BUILDER:
            say(f"Fly's builder is not there; once more in {BUILDER_S:.0f} s")
            interrupt.sleep(BUILDER_S)
        elif error.code == LEASED:
            _wait_until_free(account, app, error, say)
        else:
            raise
    return act()


def _wait_until_free(account: Account, app: str, error: FlyError, say: Say) -> None:
    """Wait until no machine of the app is held, at most until what is held now has run out.

    A holder that died lets go by then. One that lives takes its lease anew, and is not waited for.
    """
    held = account.leases(app)
    if not held:
        return
    last = max(held, key=lambda lease: lease.expires_at)
    until = datetime.fromtimestamp(last.expires_at, UTC).strftime("%H:%M:%S UTC")
    what = f"machine {last.machine}, which {last.owner} holds until {until}"
    patience = last.expires_at - time.time() + MARGIN_S
    if patience <= LONGEST_S:
        say(f"waiting for {what}: a deploy that died leaves that behind")
        try:
            wait_until(lambda: not account.leases(app), what=what, timeout=patience, every=0.5, say=say)
            return
        except RunbookError as timed_out:
            if timed_out.code != "RUN-003":
                raise
            error.why = f"{last.owner} goes on holding machine {last.machine}: somebody's deploy is at work"
    else:
        error.why = f"{last.owner} holds machine {last.machine} until {until}"
    raise error
