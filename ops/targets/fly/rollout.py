"""Bringing an app's machines to what is wanted, and the gate that says when they are: never flyctl's exit code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ops.runbook.errors import RunbookError
from ops.runbook.interrupt import wait_until
from ops.runbook.step import Say
from ops.services.fly import Deploy, FlyError
from ops.services.fly.cli import WRITE_S
from ops.services.fly.errors import CUT_OFF, PLATFORM
from ops.targets.fly.patience import patiently
from ops.targets.fly.standing import Standing, ailment, judge

if TYPE_CHECKING:
    from ops.services.fly.shapes import Release
    from ops.targets.fly.account import Account
    from ops.targets.fly.seen import Seen
    from ops.targets.fly.wanted import Wanted

T = TypeVar("T")

HEALTHY_S = 600.0
SETTLE_S = 60.0  # how long an ill machine may take to get well by itself before it is restarted


class Rollout:
    """One app's deploy.

    Args:
        account: where.
        wanted: what.
        secrets: names of the secrets that the machines of each group read.
    """

    def __init__(self, account: Account, wanted: Wanted, secrets: Mapping[str, Collection[str]], say: Say) -> None:
        self.account = account
        self.wanted = wanted
        self.secrets = secrets
        self.say = say
        limit = account.workspace.environ.get("RUNBOOK_HEALTH_WAIT_S", "")
        self.healthy_s = float(limit) if limit else HEALTHY_S

    def go(self) -> None:
        """Do what the machines need, no more: a deploy, a restart, more machines, a start.

        Raises:
            FlyError: as flyctl fails.
            RunbookError: FLY-052 only a person can decide about a machine; FLY-043 machines do not get healthy.
        """
        with self.account.acting():
            standing = self._judge()
            digests, last = standing.digests, self.account.memory.get("deployed", self.wanted.app)
            if standing.refused:
                line, command = standing.refused[0]
                raise RunbookError("FLY-052", line, next=command, blocked=True)
            behind, gone = self._behind(standing), self._gone(standing)
            if behind or gone:
                self._deploy(behind, gone=gone)
                standing = self._judge()
            if standing.few or standing.many:
                self._count_machines(standing)
                standing = self._judge()
            restarted = list(standing.staged)
            if restarted:
                self._restart(standing)
                standing = self._judge()
            for seen in standing.stopped:
                self.say(f"starting {seen.name}")
                self._machine(f"starting {seen.name}", "start", seen.machine.id)
            for seen in standing.cordoned:
                self.say(f"taking {seen.name} back into service")
                self._machine(f"uncordoning {seen.name}", "uncordon", seen.machine.id)
            self._mend()
            deployed = list(self.wanted.groups) if gone else behind
            self.remember(last, deployed=bool(deployed), renewed=[*deployed, *restarted], digests=digests)

    def _judge(self) -> Standing:
        return judge(self.account, self.wanted, self.secrets)

    def _behind(self, standing: Standing) -> list[str]:
        """The groups a deploy has to bring forward: without machines, or with machines of another description."""
        late = {seen.machine.group for seen in standing.late}
        return [group for group in self.wanted.groups if group in late or standing.few.get(group) == 0]

    def _gone(self, standing: Standing) -> bool:
        """Whether there are machines of a group that is no more."""
        return any(seen.machine.group not in self.wanted.groups for seen in standing.late)

    def _deploy(self, behind: list[str], *, gone: bool) -> None:
        """Deploy; the group others depend on first, and everybody else once it is healthy.

        Args:
            gone: take the machines of groups that are no more away, which flyctl does only where no groups are named.
        """
        wanted = self.wanted
        # Whatever is remembered of the last deploy is not true of this one.
        self.account.memory.forget("deployed", wanted.app)
        if len(wanted.groups) == 1:
            self._release(wanted.image.given, ())
            return
        image = wanted.image.given
        if wanted.first in behind:
            before = self._newest()
            release = self._release(image, (wanted.first,))
            image = release.image if release else image
            self.gate({wanted.first}, newer_than=before)
        others = tuple(group for group in behind if group != wanted.first)
        if others or gone:
            self._release(image, () if gone else others)

    def _newest(self) -> int:
        releases = self.account.releases(self.wanted.app)
        return releases[0].version if releases else 0

    def _release(self, image: str, groups: tuple[str, ...]) -> Release | None:
        wanted = self.wanted
        folder = wanted.config.parent
        built = "" if image else f", building {wanted.image.wanted} on Fly"
        self.say(f"deploying {', '.join(groups) or wanted.app}{built}")
        deploy = Deploy(
            image=image,
            dockerfile=None if image else folder / "Dockerfile",
            context=folder,
            label=wanted.image.label,
            groups=groups,
            wait_s=self.healthy_s,
            public_ips=wanted.public,
        )
        try:
            client = self.account.client
            return self._patiently(lambda: client.deploy(wanted.app, wanted.config, deploy))
        except FlyError as error:
            # The deploy may be through and only its report lost: what the machines say counts.
            if error.code not in (CUT_OFF, PLATFORM) or not self._through(groups):
                raise
            self.say(f"flyctl lost the connection ({error.code}), but the machines are as they should be")
            return None

    def _through(self, groups: tuple[str, ...]) -> bool:
        standing = self._judge()
        of_interest = [seen for seen in standing.machines if not groups or seen.machine.group in groups]
        return (
            bool(of_interest)
            and not any(group in standing.few for group in groups or self.wanted.groups)
            and all(self.wanted.image.runs_on(seen) and seen.machine.healthy for seen in of_interest)
        )

    def _count_machines(self, standing: Standing) -> None:
        counts = {group: self.wanted.groups[group] for group in (*standing.few, *standing.many)}
        self.say("setting the number of machines: " + ", ".join(f"{group}={count}" for group, count in counts.items()))
        region, client = self.account.workspace.stack.fly.region, self.account.client
        self._patiently(lambda: client.scale_count(self.wanted.app, counts, region=region, config=self.wanted.config))

    def _restart(self, standing: Standing) -> None:
        """Start the groups that read a new secret anew; the others go on."""
        groups = list(standing.staged)
        self.say(f"restarting {', '.join(groups)} of {self.wanted.app} with its new secrets")
        if len(self.wanted.groups) == 1:
            self._patiently(lambda: self.account.client.deploy_secrets(self.wanted.app))
            return
        # Nothing is migrated, so nobody needs to go first: one release.
        self._release(standing.machines[0].machine.image, tuple(groups))

    def _mend(self) -> None:
        """Wait for the ill to get well; restart whoever does not, once."""
        try:
            self.gate(self.wanted.groups, patience=min(SETTLE_S, self.healthy_s))
            return
        except RunbookError as error:
            if error.code != "FLY-043":
                raise
        for seen in self._judge().ill:
            self.say(f"restarting {seen.name}: {ailment(seen)}")
            self._machine(f"restarting {seen.name}", "restart", seen.machine.id, "--skip-health-checks")
        self.gate(self.wanted.groups)

    def _patiently(self, act: Callable[[], T]) -> T:
        return patiently(self.account, self.wanted.app, act, self.say)

    def _machine(self, doing: str, verb: str, machine: str, *options: str) -> None:
        """`flyctl machines VERB`, which takes the machine's lease."""
        words = ("machines", verb, machine, "-a", self.wanted.app, *options)
        self._patiently(lambda: self.account.client.cli.run(doing, *words, timeout=WRITE_S))

    def gate(self, groups: Collection[str], *, newer_than: int | None = None, patience: float = 0.0) -> None:
        """Wait until every machine of these groups is started with all checks passing, on the image wanted.

        Args:
            groups: names of process groups.
            newer_than: number of a release; each must run a later one.
            patience: seconds, instead of the usual.

        Raises:
            RunbookError: FLY-043, saying of each machine what is wrong.
        """
        found: list[str] = []

        def well() -> bool:
            found[:] = self._wrong(groups, newer_than)
            return not found

        try:
            wait_until(
                well,
                what=f"{', '.join(groups)} of {self.wanted.app} to be healthy",
                timeout=patience or self.healthy_s,
                every=0.2,
                say=self.say,
                code="FLY-043",
                next="inv deploy.logs, then inv deploy.rollback if traffic suffers",
            )
        except RunbookError as error:
            error.why = "; ".join(found)
            raise

    def _wrong(self, groups: Collection[str], newer_than: int | None) -> list[str]:
        machines = [seen for seen in self._managed() if seen.machine.group in groups]
        wrong = [f"no {group} machine" for group in groups if not any(m.machine.group == group for m in machines)]
        for seen in machines:
            if not seen.machine.healthy:
                wrong.append(f"{seen.name}: {ailment(seen)}")
            elif not self.wanted.image.runs_on(seen):
                wrong.append(f"{seen.name}: still on image {seen.reference}")
            elif newer_than is not None and (seen.machine.release_version or 0) <= newer_than:
                wrong.append(f"{seen.name}: still on release {seen.machine.release_version}")
        digests = {seen.machine.digest for seen in machines if seen.machine.digest}
        if len(digests) > 1:
            wrong.append(f"{len(digests)} different images run")
        return wrong

    def _managed(self) -> list[Seen]:
        return [seen for seen in self.account.machines(self.wanted.app) if seen.managed]

    def remember(
        self, last: Mapping[str, Any], *, deployed: bool, renewed: Collection[str], digests: Mapping[str, str]
    ) -> None:
        """Note what now runs, as the machines themselves say it.

        Args:
            last: what was remembered before.
            deployed: a deploy has just been made: what it did not ask for and is there all the same, Fly gives.
            renewed: groups whose machines have just been started anew.
            digests: the secrets that they then had.
        """
        standing = self._judge()
        digest = standing.machines[0].machine.digest if standing.machines else ""
        given, served = last.get("given") or {}, dict(last.get("served") or {})
        if deployed:
            given = {group: sorted(set(lines)) for group, lines in standing.extra.items() if lines}
        for group in renewed:
            versions = [m.machine.release_version or 0 for m in standing.machines if m.machine.group == group]
            mine = {name: digests[name] for name in self.secrets.get(group, ()) if name in digests}
            served[group] = {"release": min(versions, default=0), "digests": mine}
        values = {"config": self.wanted.digest, "digest": digest, "image": self.wanted.image.wanted}
        self.account.memory.put("deployed", self.wanted.app, {**values, "given": given, "served": served})
