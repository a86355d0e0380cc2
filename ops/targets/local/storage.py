"""The rehearsal's object store: a real S3 server (SeaweedFS) with the bucket and a user limited to it."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from ops.runbook.step import Look, Say, drifted, missing, satisfied, unavailable
from ops.services import s3_signed
from ops.targets.local import ports, tools
from ops.targets.local.layout import Layout, make_private, read
from ops.targets.local.patience import ANSWER_S
from ops.targets.local.program import Program

if TYPE_CHECKING:
    from ops.targets.local.rehearsal import Rehearsal
    from ops.targets.workspace import Workspace
    from ops.vault import Vault

NAME = "storage"
NOT_HERE = "no S3 server for this system: SeaweedFS has no wheel for macOS on Intel"


def identities(vault: Vault, bucket: str) -> str:
    """Who may do what, as SeaweedFS reads it: the administrator, and the user that reaches one bucket."""
    people = [
        {
            "name": "langfuse",
            "credentials": [_credentials(vault, "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY")],
            "actions": [f"{action}:{bucket}" for action in ("Read", "Write", "List", "Tagging")],
        }
    ]
    # With Fly's own object store in production there is no administrator of ours.
    if vault.has("MINIO_ROOT_USER"):
        people.append(
            {
                "name": "root",
                "credentials": [_credentials(vault, "MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD")],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            }
        )
    return json.dumps({"identities": people}, indent=1) + "\n"


def _credentials(vault: Vault, user: str, password: str) -> dict[str, str]:
    return {"accessKey": vault.get(user).reveal(), "secretKey": vault.get(password).reveal()}


def program(layout: Layout, known: dict[str, int], bucket: str) -> Program:
    """``weed mini`` with everything on loopback, no telemetry, no extra services; `known`: ports by name."""
    folder = layout.data(NAME)
    command = [tools.find("weed") or "weed", "-logtostderr", "mini", f"-dir={folder / 'volumes'}", f"-bucket={bucket}"]
    command += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.config={folder / 's3.json'}"]
    for server in ("", "_master", "_volume", "_filer", "_admin"):
        option = server.removeprefix("_") or "s3"
        command.append(f"-{option}.port={known.get(f'storage{server}', 0)}")
        command.append(f"-{option}.port.grpc={known.get(f'storage{server}_grpc', 0)}")
    command += ["-admin.ui=false", "-webdav=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
    command += [f"-s3.localSocket={layout.run / 's3.sock'}", f"-filer.localSocket={layout.run / 'filer.sock'}"]
    return Program(NAME, tuple(command), ports.STORAGE, stop_s=15, priority=20)


def remove_sockets(known: dict[str, int]) -> None:
    """Remove the sockets SeaweedFS leaves in /tmp, named by port; another user's cannot be removed and stay.

    Args:
        known: ports by name.
    """
    for server in ("s3", "master", "volume", "filer", "admin"):
        port = known.get("storage_grpc" if server == "s3" else f"storage_{server}_grpc", 0)
        with contextlib.suppress(FileNotFoundError, PermissionError):
            Path(f"/tmp/seaweedfs-{server}-grpc-{port}.sock").unlink()  # noqa: S108 - its own choice


def bucket_is_there(port: int, vault: Vault, bucket: str) -> bool:
    """Whether the limited user sees its bucket."""
    user, password = vault.get("S3_ACCESS_KEY_ID"), vault.get("S3_SECRET_ACCESS_KEY")
    return s3_signed.sees_bucket(f"127.0.0.1:{port}", user, password, bucket, timeout=ANSWER_S)


class Storage:
    """Part 3.3.2. Its credentials are written in 3.2."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.layout = rehearsal.layout

    def _program(self, workspace: Workspace) -> Program:
        return program(self.layout, self.rehearsal.ports.known(), workspace.stack.storage.bucket)

    def _inputs(self) -> str:
        return read(self.layout.data(NAME) / "s3.json") or ""

    def look(self, workspace: Workspace) -> Look:
        """Whether the S3 server runs and the limited user reaches the bucket; unavailable where none is installed."""
        if tools.find("weed") is None:
            return unavailable(NOT_HERE)
        found = self.rehearsal.standing(self._program(workspace), self._inputs())
        if not found.satisfied:
            return found
        port, bucket = self.rehearsal.ports.peek(NAME), workspace.stack.storage.bucket
        if not workspace.vault.has("S3_ACCESS_KEY_ID"):
            return missing("S3_ACCESS_KEY_ID is not in the rehearsal's vault")
        if not bucket_is_there(port, workspace.vault, bucket):
            return drifted(f"bucket {bucket} cannot be reached on 127.0.0.1:{port}")
        return satisfied(f"S3 on 127.0.0.1:{port}, bucket {bucket}, user limited to it")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Start the S3 server, which makes the bucket and its user.

        Raises:
            RunbookError: LOCAL-006 the program is not there; LOCAL-003 a stranger has its port; LOCAL-004 there is no
                supervisor; LOCAL-005 it does not come up.
        """
        tools.need("weed", "it is the rehearsal's S3 server")
        make_private(self.layout.data(NAME))
        make_private(self.layout.data(NAME) / "volumes")
        definition, bucket = self._program(workspace), workspace.stack.storage.bucket
        # The bucket is made at the start, so one that was deleted needs a new start.
        if self.rehearsal.standing(definition, self._inputs()).satisfied and not self.look(workspace).satisfied:
            self.rehearsal.supervisor.stop(NAME)
        if not self.rehearsal.runs(NAME):
            remove_sockets(self.rehearsal.ports.known())
        port = self.rehearsal.ports.get(NAME)
        self.rehearsal.start(
            definition, lambda: bucket_is_there(port, workspace.vault, bucket), say, inputs=[self._inputs()], timeout=60
        )
