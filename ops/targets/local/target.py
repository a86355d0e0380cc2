"""The target `local`: which part is what, and the steps 0.x before the first phase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ops.runbook.step import Step
from ops.targets.base import Endpoints, Part, Requirement
from ops.targets.local.daemon import Daemon
from ops.targets.local.layout import Layout, run_folder
from ops.targets.local.pooler import Pooler
from ops.targets.local.postgres import PostgresReady, PostgresServer
from ops.targets.local.rehearsal import Rehearsal
from ops.targets.local.valkey import Valkey

if TYPE_CHECKING:
    from ops.world import World


class Local:
    """The rehearsal. Making one reads and changes nothing.

    Args:
        world: whose paths, stack and vault it works with.
    """

    name = "local"

    def __init__(self, world: World) -> None:
        paths = world.paths
        self.layout = Layout(paths.root, paths.state, run_folder(paths.state, world.environ), world.gateway_dir)
        self.vault = paths.state / "vault.json"
        self.rehearsal = Rehearsal(self.layout)
        self._daemon = Daemon(self.rehearsal)
        self._server = PostgresServer(self.rehearsal)
        self._pooler = Pooler(self.rehearsal)
        self.postgres: Part = PostgresReady(self._server)
        self.redis: Part = Valkey(self.rehearsal)
