"""The typed Fly client: what the runbook asks of Fly, one method each, each a single step that can fail typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ops.runbook.secret import Secret
from ops.services import build_log
from ops.services.fly import errors, secrets_import
from ops.services.fly.api import FlyApi, segment
from ops.services.fly.cli import WRITE_S, Flyctl
from ops.services.fly.deploying import Deploy, release_of
from ops.services.fly.errors import FlyError
from ops.services.fly.network import Certificate, IpAddress
from ops.services.fly.reading import listed, pick, rows
from ops.services.fly.redis import RedisApi
from ops.services.fly.shapes import (
    App,
    AppStatus,
    Executed,
    GroupScale,
    Lease,
    LogLine,
    Machine,
    Release,
    SecretState,
    Version,
    Volume,
)


class Fly:
    """One Fly account as seen with one token; safe to use from several threads.

    Methods that look return None or an empty collection for what is not there; methods that act are not
    idempotent unless they say so: look first. Every method raises FlyError.

    Args:
        token: an org token.
        state: flyctl's private state folder, kept between runs.
        binary: flyctl's name or path.
        environ: the environment flyctl's inherited variables come from; the process's own when not given.
    """

    def __init__(
        self, token: Secret, state: Path, *, binary: str = "flyctl", environ: Mapping[str, str] | None = None
    ) -> None:
        self.cli = Flyctl(token, state, binary=binary, environ=environ)
        self.api = FlyApi(token, environ)
        self.redis = RedisApi(self.api)

    def close(self) -> None:
        """Close its connections."""
        self.api.close()

    def version(self) -> Version:
        """flyctl's version; no token needed."""
        return self.cli.version()

    def require(self, least: str) -> Version:
        """flyctl's version, or FLY-002 when it is older than `least`."""
        return self.cli.require(least)

    def whoami(self) -> str:
        """The token's e-mail address: the cheapest proof that it is valid."""
        return str(pick(self.cli.json("asking Fly who we are", "auth", "whoami"), "email", default=""))

    def orgs(self) -> dict[str, str]:
        """The organisations the token sees: slug → name."""
        raw = self.cli.json("listing the organisations", "orgs", "list")
        return {str(slug): str(name) for slug, name in (raw or {}).items()}

    def apps(self, org: str) -> dict[str, App]:
        """The organisation's apps, by name."""
        raw = self.cli.json(f"listing the apps of {org}", "apps", "list", "-o", org)
        return {app.name: app for app in map(App.read, rows(raw))}

    def create_app(self, name: str, org: str) -> App:
        """Create an app; FLY-007 when a stranger has the name."""
        doing = f"creating the app {name}"
        return App.read(self.cli.json(doing, "apps", "create", name, "-o", org, timeout=WRITE_S))

    def destroy_app(self, name: str) -> None:
        """Destroy an app, its machines and volumes. An app that is gone already is fine."""
        try:
            self.cli.run(f"destroying the app {name}", "apps", "destroy", name, "-y", timeout=WRITE_S)
        except FlyError as error:
            if error.code != errors.APP_MISSING:
                raise

    def secrets(self, app: str) -> dict[str, SecretState]:
        """The app's secrets: name → digest and status. Values cannot be read back."""
        raw = self.cli.json(f"listing the secrets of {app}", "secrets", "list", "-a", app)
        return {
            str(pick(r, "name")): SecretState(str(pick(r, "digest", default="")), str(pick(r, "status", default="")))
            for r in rows(raw)
        }

    def import_secrets(self, app: str, values: Mapping[str, Secret]) -> None:
        """Set secrets, staged: running machines keep the old ones until `deploy_secrets` or a deploy.

        Values go over standard input. Idempotent, but Fly counts every import as a change: import what differs.
        """
        if not values:
            return
        doing = f"setting {len(values)} secrets of {app}"
        self.cli.run(
            doing, "secrets", "import", "--stage", "-a", app, input=secrets_import.write(values), timeout=WRITE_S
        )

    def unset_secrets(self, app: str, names: Sequence[str]) -> None:
        """Remove secrets, staged. Names that are not set are fine."""
        if names:
            doing = f"removing {len(names)} secrets of {app}"
            self.cli.run(doing, "secrets", "unset", *names, "--stage", "-a", app, timeout=WRITE_S)

    def deploy_secrets(self, app: str, *, timeout: float = 1200.0) -> None:
        """Restart the app's machines with the staged secrets, each on the image it has; waits until healthy.

        Args:
            app: its name.
            timeout: seconds for all of its machines.

        Raises:
            FlyError: as flyctl fails.
        """
        self.cli.run(
            f"restarting {app} with its new secrets",
            "secrets",
            "deploy",
            "-a",
            app,
            "--dns-checks=false",
            timeout=timeout,
        )

    def volumes(self, app: str) -> list[Volume]:
        """The app's volumes."""
        raw = self.cli.json(f"listing the volumes of {app}", "volumes", "list", "-a", app)
        return [Volume.read(r) for r in rows(raw)]

    def create_volume(self, app: str, name: str, region: str, size_gb: int, *, snapshot_days: int = 5) -> Volume:
        """Create one volume. Each call makes another one of the same name: look first."""
        return Volume.read(
            self.cli.json(
                f"creating the volume {name} of {app}",
                "volumes",
                "create",
                name,
                "-a",
                app,
                "-r",
                region,
                "-s",
                str(size_gb),
                "-n",
                "1",
                "-y",
                "--snapshot-retention",
                str(snapshot_days),
                "--require-unique-zone=false",
                timeout=WRITE_S,
            )
        )

    def extend_volume(self, app: str, volume: str, size_gb: int) -> None:
        """Grow a volume; it can never shrink."""
        self.cli.run(
            f"growing the volume {volume} of {app}",
            "volumes",
            "extend",
            volume,
            "-s",
            str(size_gb),
            "-y",
            "-a",
            app,
            timeout=WRITE_S,
        )

    def status(self, app: str) -> AppStatus | None:
        """The app with its machines, or None when there is no such app."""
        try:
            return AppStatus.read(self.cli.json(f"reading the status of {app}", "status", "-a", app))
        except FlyError as error:
            if error.code == errors.APP_MISSING:
                return None
            raise

    def machines(self, app: str) -> list[Machine]:
        """Every machine, flyctl's passing helpers included."""
        raw = self.cli.json(f"listing the machines of {app}", "machines", "list", "-a", app)
        return [Machine.read(r) for r in rows(raw)]

    def lease(self, app: str, machine: str) -> Lease | None:
        """Who holds a machine at this moment, or None."""
        doing = f"asking who holds machine {machine} of {app}"
        try:
            return Lease.read(
                machine, self.api.machines(doing, f"/apps/{segment(app)}/machines/{segment(machine)}/lease")
            )
        except FlyError as error:
            if error.code in (errors.NOT_FOUND, errors.NOTHING_RUNNING):
                return None
            raise

    def start_machine(self, app: str, machine: str) -> None:
        """Start a stopped machine. A deploy updates such a machine, succeeds, and leaves it stopped."""
        self.cli.run(f"starting machine {machine} of {app}", "machines", "start", machine, "-a", app, timeout=WRITE_S)

    def deploy(self, app: str, config: Path, wanted: Deploy | None = None, *, timeout: float = 3600.0) -> Release:
        """Deploy a config with a given image, or one built by Fly's remote builder; waits for health.

        flyctl's success is not proof: verify machine by machine afterwards. A failed rolling deploy is not
        rolled back, and a machine that was not running before is updated but not started. Look at the volumes
        first: for an app without machines flyctl makes every volume that is missing, new and empty.

        Args:
            app: the app.
            config: its fly.toml.
            wanted: image or build, strategy, limits.
            timeout: seconds for the whole deploy.
        """
        wanted = wanted or Deploy()
        where = wanted.context or config.resolve().parent
        doing = f"deploying {app}"
        try:
            done = self.cli.run(doing, *wanted.arguments(app, config), cwd=where, timeout=timeout)
        except FlyError as error:
            if error.code in (errors.NO_IMAGE, errors.NO_BUILDER) and not wanted.image:
                build_log.keep(error, error.output, self.cli.state.parent / "build-logs" / f"{app}.log")
            raise
        released = release_of(done.stdout)
        if released is None:
            raise FlyError(
                errors.BAD_ANSWER,
                f"deploying {app} ended well but did not say which release it made",
                done.last_words,
                "inv deploy.status; flyctl must be at least 0.4.56",
            )
        return released

    def releases(self, app: str) -> list[Release]:
        """The newest 25 releases, newest first. A restart with new secrets is a release too."""
        raw = self.cli.json(f"listing the releases of {app}", "releases", "-a", app)
        return sorted((Release.read(r) for r in rows(raw)), key=lambda r: -r.version)

    def cert(self, app: str, hostname: str) -> Certificate | None:
        """One hostname's certificate in full, or None. Only reads: starts no validation."""
        doing = f"reading the certificate of {hostname}"
        try:
            return Certificate.read(self.api.machines(doing, f"/apps/{segment(app)}/certificates/{segment(hostname)}"))
        except FlyError as error:
            if error.code in (errors.NOT_FOUND, errors.APP_MISSING):
                return None
            raise

    def add_cert(self, app: str, hostname: str) -> Certificate:
        """Add a hostname; the answer says which DNS records it needs."""
        doing = f"adding the hostname {hostname} to {app}"
        return Certificate.read(self.cli.json(doing, "certs", "add", hostname, "-a", app, timeout=WRITE_S))

    def check_cert(self, app: str, hostname: str) -> Certificate:
        """Validate now, and issue when DNS is right. Not a look: five failed tries an hour are all one has."""
        doing = f"checking the certificate of {hostname}"
        return Certificate.read(self.cli.json(doing, "certs", "check", hostname, "-a", app, timeout=WRITE_S))

    def ips(self, app: str) -> list[IpAddress]:
        """The app's addresses."""
        raw = self.cli.json(f"listing the addresses of {app}", "ips", "list", "-a", app)
        return [IpAddress.read(r) for r in rows(raw)]

    def allocate_shared_v4(self, app: str) -> None:
        """Give the app the shared IPv4 address. Idempotent."""
        self.cli.run(
            f"allocating a shared IPv4 address for {app}", "ips", "allocate-v4", "--shared", "-a", app, timeout=WRITE_S
        )

    def allocate_v6(self, app: str) -> None:
        """Give the app an IPv6 address of its own. Each call adds another: look first."""
        self.cli.run(f"allocating an IPv6 address for {app}", "ips", "allocate-v6", "-a", app, timeout=WRITE_S)

    def scale(self, app: str) -> list[GroupScale]:
        """How many machines each process group has."""
        raw = self.cli.json(f"reading the scale of {app}", "scale", "show", "-a", app)
        return [GroupScale.read(r) for r in rows(raw)]

    def scale_count(self, app: str, counts: Mapping[str, int], *, region: str = "", config: Path | None = None) -> None:
        """Make each named group have so many machines. Idempotent; new ones get the newest release's image."""
        words = [f"{group}={count}" for group, count in sorted(counts.items())]
        options = ["-r", region] if region else []
        if config is not None:
            options += ["-c", str(config.resolve())]
        self.cli.run(f"scaling {app}", "scale", "count", *words, "-a", app, "-y", *options, timeout=900.0)

    def exec(self, app: str, machine: str, command: str, *, timeout_s: int = 30, reads: bool = False) -> Executed:
        """Run a command inside a machine, over HTTPS. No shell: wrap it in ``sh -c '…'``; no secret in it.

        Fly's answer is a success even when the command failed: read `exit_code`.

        Args:
            timeout_s: seconds the command may take.
            reads: it changes nothing, so it may be sent again.
        """
        doing = f"running a command in machine {machine} of {app}"
        return Executed.read(self.api.exec(doing, app, machine, command, timeout_s, reads=reads))

    def logs(self, app: str, *, machine: str = "", region: str = "") -> list[LogLine]:
        """The newest log lines Fly keeps for the app, oldest first."""
        return self.log_page(app, machine=machine, region=region)[0]

    def log_page(self, app: str, after: str = "", *, machine: str = "", region: str = "") -> tuple[list[LogLine], str]:
        """Log lines, oldest first, and the token that asks for those that come after them.

        Args:
            after: the token of an earlier page; empty for the newest lines there are.
        """
        asked = (("next_token", after), ("instance", machine), ("region", region))
        query = "&".join(f"{key}={segment(value)}" for key, value in asked if value)
        doing = f"reading the logs of {app}"
        raw = self.api.rest(doing, f"/apps/{segment(app)}/logs" + (f"?{query}" if query else ""))
        found = [LogLine.read(pick(row, "attributes", default={})) for row in listed(doing, raw, "data")]
        return found, str(pick(pick(raw, "meta"), "next_token", default="") or after)
