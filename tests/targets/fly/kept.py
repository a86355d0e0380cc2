"""What a deploy ended with, kept to be copied: a test that begins on a deployed stack need not deploy one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.flysim.faults import Call
from tests.flysim.state import Json
from tests.targets.fly.support import Site

CLICKHOUSE_CONTENTS = "clickhouse.json"


@dataclass(frozen=True)
class Kept:
    """The account and the operator's files, vault and memory included, as one deploy left them.

    Attributes:
        account: the simulator's whole state.
        folder: a copy of the checkout, and of what the stub for ClickHouse holds.
        mutations: the calls of that deploy that changed something.
    """

    account: Json
    folder: Path
    mutations: tuple[Call, ...]

    @staticmethod
    def of(place: Site, folder: Path) -> Kept:
        """Keep what is at `place` now, its files in `folder`."""
        shutil.copytree(place.root, folder / "checkout", symlinks=True)
        shutil.copy2(place.root.parent / CLICKHOUSE_CONTENTS, folder)
        return Kept(place.sim.snapshot(), folder, tuple(place.sim.mutating_calls()))

    def put_into(self, place: Site) -> None:
        """Make `place`, an empty account with a database that knows nothing, what was kept."""
        shutil.rmtree(place.root)
        shutil.copytree(self.folder / "checkout", place.root, symlinks=True)
        shutil.copy2(self.folder / CLICKHOUSE_CONTENTS, place.root.parent)
        place.sim.restore(self.account)
        # Schema and role are the database server's: the step that makes them makes them again, from the copied vault.
        done = place.deploy(keys=("setup.schema",))
        assert done.ok, done.troubles()
        place.sim.forget_calls()
