"""Inside part 3.3.2: Langfuse's bucket, and a user limited to it.

MinIO's image has no shell and its machine no public address, so it is reached through a tunnel. Opening one
registers a peer at Fly, which a look must not do: a look compares what was last made here with what would be
made now, by keyed digest, and holds it against the volume it was made on.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING

from ops.render.files import MINIO_VOLUME
from ops.runbook.interrupt import wait_until
from ops.runbook.secret import Secret
from ops.runbook.step import Look, Say, blocked, missing, satisfied
from ops.targets.fly import wanted
from ops.targets.fly.seen import Seen
from ops.targets.fly.stores import Store
from ops.targets.fly.tunnel import tunnel

if TYPE_CHECKING:
    from ops.services.s3 import Account as S3Account
    from ops.services.s3 import Wanted
    from ops.targets.fly.account import Account
    from ops.targets.fly.secrets import Secrets
    from ops.targets.workspace import Workspace

PORT = 9000


class Bucket:
    """The bucket, its expiry and its user."""

    def __init__(self, account: Account) -> None:
        self.account = account

    @staticmethod
    def _wanted(workspace: Workspace) -> Wanted:
        from ops.services.s3 import Wanted

        return Wanted(workspace.stack.storage.bucket, workspace.stack.storage.expire_days)

    @staticmethod
    def _accounts(workspace: Workspace, endpoint: str) -> tuple[S3Account, S3Account]:
        from ops.services.s3 import Account

        vault = workspace.vault
        root = Account(endpoint, vault.get("MINIO_ROOT_USER"), vault.get("MINIO_ROOT_PASSWORD"))
        limited = Account(endpoint, vault.get("S3_ACCESS_KEY_ID"), vault.get("S3_SECRET_ACCESS_KEY"))
        return root, limited

    def _mark(self, workspace: Workspace, volume: str) -> str:
        """Digest of all that was or would be made; keyed by the administrator's password, so it tells nothing."""
        wanted = self._wanted(workspace)
        limited = self._accounts(workspace, "")[1]
        made = [volume, wanted.bucket, wanted.expire_days, wanted.policy, limited.user.reveal()]
        text = json.dumps([*made, limited.password.reveal()], sort_keys=True)
        key = workspace.vault.get("MINIO_ROOT_PASSWORD").reveal().encode()
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    def look(self, workspace: Workspace, machine: Seen, volume: str) -> Look:
        """Whether what was last made on this volume is what would be made now; nothing is asked over the network."""
        storage = workspace.stack.storage
        if self.account.memory.get("contents", storage.app).get("mark") != self._mark(workspace, volume):
            return missing(f"bucket {storage.bucket} and its user are not known to be on {volume} as wanted")
        days = storage.expire_days
        return satisfied(f"bucket {storage.bucket}, objects expire after {days} days, user limited to it")

    def act(self, workspace: Workspace, machine: Seen, volume: str, say: Say) -> None:
        """Look for real, through the tunnel, and make what is missing.

        Raises:
            RunbookError: FLY-046 no tunnel, S3-001 ... S3-003 as MinIO answers.
        """
        from ops.runbook.errors import RunbookError
        from ops.services import s3

        storage = workspace.stack.storage
        wanted = self._wanted(workspace)
        with tunnel(self.account, storage.app, f"{storage.app}.internal", PORT, say) as address:
            root, limited = self._accounts(workspace, f"http://{address}")

            def answers() -> bool:
                try:
                    s3.look_bucket(root, wanted)
                except RunbookError as error:
                    # The tunnel is there before its far end is.
                    if error.code == "S3-001":
                        return False
                    raise
                return True

            wait_until(answers, what="MinIO through the tunnel", timeout=60, every=0.5, say=say, code="S3-001")
            if not s3.look(root, limited, wanted).satisfied:
                s3.act(root, limited, wanted, say)
            found = s3.look(root, limited, wanted)
        if not found.satisfied:
            raise RunbookError("S3-003", f"MinIO: {found.evidence}", why=found.diff, next="inv deploy.storage")
        self.account.memory.put("contents", storage.app, {"mark": self._mark(workspace, volume)})


class Tigris:
    """The part, where the stack asks for Fly's own object store: its keys are taken over, the rest is Fly's."""

    KEYS = ("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY")

    def look(self, workspace: Workspace) -> Look:
        """Whether the vault has the keys; missing where the environment offers them, else blocked."""
        lacking = [name for name in self.KEYS if not workspace.vault.has(name)]
        if not lacking:
            return satisfied("Tigris: the vault has its keys")
        if all(workspace.environ.get(name) for name in lacking):
            return missing(f"the vault lacks {' and '.join(lacking)}; the environment has them")
        bucket, org = workspace.stack.storage.bucket, workspace.stack.fly.org
        return blocked(
            "storage.provider is tigris, and a Tigris bucket is made by hand",
            next=f"flyctl storage create -n {bucket} -o {org}, then put its keys into .env as {', '.join(lacking)}; "
            'or set storage.provider = "minio" in ops/stack.toml',
        )

    def act(self, workspace: Workspace, say: Say) -> None:
        """Take the keys over from the environment into the vault."""
        lacking = [name for name in self.KEYS if not workspace.vault.has(name)]
        workspace.vault.put({name: Secret(workspace.environ[name].strip()) for name in lacking}, origin="provisioned")


def store(account: Account, secrets: Secrets) -> Store:
    """The part, where the stack asks for MinIO."""
    return Store(
        account,
        secrets,
        "MinIO",
        wanted.storage,
        MINIO_VOLUME,
        lambda workspace: workspace.stack.storage.volume_gb,
        Bucket(account),
    )
