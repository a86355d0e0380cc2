"""What this machine and the account must have for production, for `inv doctor --target fly`; looks only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.services.fly.api import segment
from ops.services.fly.reading import pick
from ops.targets.base import Requirement

if TYPE_CHECKING:
    from ops.targets.fly.account import Account
    from ops.targets.workspace import Workspace

INSTALL = "https://fly.io/docs/flyctl/install"


def requirements(workspace: Workspace, account: Account) -> Sequence[Requirement]:
    """Each thing, whether it is there, and how to get it."""
    least = workspace.stack.fly.min_flyctl
    found = [
        _tried(f"flyctl {least} or newer", lambda: account.flyctl.require(least).text, INSTALL),
        _tried("Fly token", lambda: account.client.whoami(), "flyctl tokens create org; FLY_API_TOKEN in .env"),
    ]
    # Without a token who could say?
    if found[-1].ok:
        found.append(_tried(f"organisation {account.org}", lambda: _org(account), "fly.org in ops/stack.toml"))
        found.append(_tried("payment method", lambda: _billing(account), "a card: https://fly.io/dashboard, Billing"))
    for name in ("OPENAI_API_KEY", "SUPABASE_DIRECT_URL", "SUPABASE_POOLED_URL"):
        there = workspace.vault.has(name) or bool(workspace.environ.get(name, "").strip())
        where = "in the vault" if workspace.vault.has(name) else "in .env or the environment" if there else "nowhere"
        found.append(Requirement(name, there, where, f"put {name} into {workspace.paths.root / '.env'}"))
    found.append(_tried("Postgres, direct connection", lambda: _postgres(workspace), "this machine needs IPv6 for it"))
    return found


def _tried(title: str, look: Callable[[], str], get: str) -> Requirement:
    try:
        return Requirement(title, True, look(), "")
    except RunbookError as error:
        return Requirement(title, False, error.what, error.next or get)


def _org(account: Account) -> str:
    orgs = account.client.orgs()
    if account.org not in orgs:
        raise RunbookError(
            "FLY-006",
            f"this token does not see it; it sees {', '.join(orgs) or 'none'}",
            next="fly.org in ops/stack.toml, or a token of that organisation",
        )
    return orgs[account.org]


def _billing(account: Account) -> str:
    """The organisation's billing state; apps with more than one machine, and Redis, need a card."""
    doing = f"reading the organisation {account.org}"
    raw = account.client.api.rest(doing, f"/organizations/{segment(account.org)}")
    status = str(pick(pick(raw, "organization", default=raw), "billing_status", default=""))
    if status.upper() not in ("CURRENT", ""):
        raise RunbookError(
            "FLY-008",
            f"billing status {status}",
            next=f"add a card or settle the bill: https://fly.io/dashboard/{account.org}/billing",
            blocked=True,
        )
    return status.lower() or "not told"


def _postgres(workspace: Workspace) -> str:
    from ops.runbook.secret import Secret
    from ops.services.postgres.session import session
    from ops.vault import postgres_urls as urls

    name = urls.DIRECT
    given = workspace.environ.get(name, "").strip()
    if not workspace.vault.has(name) and not given:
        raise RunbookError("VAULT-001", "no URL yet", next=f"put {name} into .env")
    with urls.named(name):
        url = urls.direct(workspace.vault.get(name) if workspace.vault.has(name) else Secret(given))
    with session(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return f"{url.where}, Postgres {row[0] if row else 'unknown'}"
