"""Parts 2.5, 3.3.3 and 3.5: the image, its process groups as containers, and Langfuse over the pooled connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.runbook.errors import RunbookError
from ops.runbook.step import Look, Say, drifted, missing, satisfied
from ops.services.engine.building import Build
from ops.targets.containers import health, images, running
from ops.targets.containers.app import has_ipv6
from ops.targets.containers.groups import OPENAI, OPENAI_PORT, ORDER
from ops.targets.containers.servers import write_readable
from ops.targets.local import web

if TYPE_CHECKING:
    from ops.targets.containers.groups import Groups
    from ops.targets.containers.project import Project, Seen
    from ops.targets.containers.secrets import Secrets
    from ops.targets.containers.wish import Wish
    from ops.targets.workspace import Workspace

NEEDED_BYTES, NEEDED_WITH_BASES = 8_000_000_000, 4_000_000_000
PATIENCE_S = {"ui": 300.0, "worker": 120.0, "gateway": 180.0, "edge": 60.0}


class GatewayImage:
    """Step 2.5: the image of the very Dockerfile that Fly builds, named after what it is made of."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def look(self, workspace: Workspace) -> Look:
        """Whether the image of these sources is there."""
        tag = images.gateway(workspace, self.project)
        found = images.found(self.project, tag)
        if not found:
            return missing(f"no image {tag} yet")
        instead = images.replaced(workspace, "web", "worker", "caddy")
        on = f", on {', '.join(instead.values())} instead of Langfuse's own" if instead else ""
        return satisfied(f"{tag} {found[:12]}{on}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Build it; its own assertions run on the way.

        Raises:
            RunbookError: ENGINE-003 no room, ENGINE-006 a line of the Dockerfile failed.
        """
        from ops.services.engine.image import layers

        engine = self.project.engine
        instead = images.replaced(workspace, "web", "worker", "caddy")
        engine.require_room(NEEDED_WITH_BASES if instead else NEEDED_BYTES)
        folder, tag = workspace.gateway_dir, images.gateway(workspace, self.project)
        images.make(self.project, Build(folder / "Dockerfile", folder, tag, instead), say)
        found = layers(engine, tag)
        for layer in sorted(found, key=lambda layer: -layer.size)[:3]:
            say(f"{layer.size / 1e6:.0f} MB: {layer.made_by[:80]}")
        say(f"{sum(layer.size for layer in found) / 1e6:.0f} MB in {len(found)} layers")


class Release:
    """Part 3.3.3: every group has its containers, by the image and with the secrets that are wanted, and is well."""

    def __init__(self, project: Project, groups: Groups, secrets: Secrets) -> None:
        self.project = project
        self.groups = groups
        self.secrets = secrets

    def look(self, workspace: Workspace) -> Look:
        """Whether every group runs as described, healthy."""
        if not self.secrets.handed("gateway"):
            return missing("no secrets yet")
        for image in (self.groups.image(workspace), images.standins(workspace, self.project)):
            if not images.found(self.project, image):
                return missing(f"no image {image} yet")
        seen = {each.name: each for each in self.project.seen()}
        openai = self.groups.openai(workspace)
        looks = [running.judged(self.project, openai, seen.get(openai.name), lambda: _openai_check(openai))]
        for group, count in self.groups.counts(workspace).items():
            looks += [self._judged(workspace, group, number, seen) for number in range(1, count + 1)]
        lines = [look.evidence for look in looks if not look.satisfied]
        lines += [f"{each.name} is one too many" for each in self._surplus(workspace, seen)]
        if lines and len(lines) == len(looks):
            return missing(f"no container of {self.project.app} yet")
        if lines:
            return drifted(f"{len(lines)} differences", "\n".join(lines))
        counts = ", ".join(f"{count} {group}" for group, count in self.groups.counts(workspace).items())
        held = self.project.memory.get("hold", "gateway")
        note = "; held by a rollback" if held and self.groups.image(workspace) == held.get("image") else ""
        return satisfied(f"{counts} healthy, of {self.groups.image(workspace)}{note}")

    def act(self, workspace: Workspace, say: Say) -> None:
        """Bring each group to what is wanted, one container at a time, each healthy before the next is touched.

        Raises:
            RunbookError: ENGINE-009 one does not get healthy: nothing after it is started.
        """
        images.build_standins(workspace, self.project, say)
        self.project.ports.reserve([OPENAI, "edge_https"])
        openai = self.groups.openai(workspace)
        running.ensure(self.project, openai, lambda: _openai_check(openai), say)
        for group in ORDER:
            self.bring(workspace, group, say)
        for each in self._surplus(workspace, {each.name: each for each in self.project.seen()}):
            say(f"removing {each.name}, which is one too many")
            running.remove(self.project, each.name, 60)
        self._remember(self.groups.image(workspace))

    def bring(self, workspace: Workspace, group: str, say: Say) -> None:
        """Have one group's containers run as wanted."""
        if group == "edge" and not has_ipv6(self.project):
            write_readable(self.project, "Caddyfile.ipv4", ipv4_rules(workspace))
        for number in range(1, self.groups.counts(workspace)[group] + 1):
            wish = self.groups.wish(workspace, group, number)
            running.ensure(
                self.project, wish, self._check(workspace, wish), say, patience=self._patience(workspace, group)
            )

    def _patience(self, workspace: Workspace, group: str) -> float:
        limit = workspace.environ.get("RUNBOOK_HEALTH_WAIT_S", "")
        return float(limit) if limit else PATIENCE_S[group]

    def _check(self, workspace: Workspace, wish: Wish) -> running.Check:
        machine = self.groups.machine(workspace, wish.group)
        return lambda: health.inside(self.project, wish.name, machine)

    def _judged(self, workspace: Workspace, group: str, number: int, seen: dict[str, Seen]) -> Look:
        if (
            group == "edge"
            and not has_ipv6(self.project)
            and not (self.project.state / "files/Caddyfile.ipv4").exists()
        ):
            return missing("the edge is not configured yet")
        wish = self.groups.wish(workspace, group, number)
        return running.judged(self.project, wish, seen.get(wish.name), self._check(workspace, wish))

    def _surplus(self, workspace: Workspace, seen: dict[str, Seen]) -> list[Seen]:
        wanted = {
            self.project.container(group, number)
            for group, count in self.groups.counts(workspace).items()
            for number in range(1, count + 1)
        }
        return [each for each in seen.values() if each.group in ORDER and each.name not in wanted]

    def _remember(self, image: str) -> None:
        """Note the images that were good, newest last, for a rollback."""
        good = [each for each in self.project.memory.get("good", "images").get("list", []) if each != image]
        self.project.memory.put("good", "images", {"list": [*good, image][-5:]})


class Pooled:
    """Part 3.5: Langfuse works over the pooled URL, once it is proven that our role lands in our schema there."""

    def __init__(self, secrets: Secrets, release: Release) -> None:
        self.secrets = secrets
        self.release = release

    def look(self, workspace: Workspace) -> Look:
        """Whether Langfuse works over the pooled URL."""
        if self.secrets.stage != "pooled":
            return missing("Langfuse has not been told to use the pooled connection")
        for found in (self.secrets.look(workspace), self.release.look(workspace)):
            if not found.satisfied:
                return found
        return satisfied(
            "Langfuse works over the pooled URL (no pooler: the same server by another name), and is healthy"
        )

    def act(self, workspace: Workspace, say: Say) -> None:
        """Prove it, switch the secret, start Langfuse anew; back to direct when it does not get healthy."""
        from ops.services.postgres import pooled
        from ops.vault import postgres_urls as urls

        postgres, before = workspace.stack.postgres, self.secrets.stage
        url = urls.pooled(workspace.vault.get("SUPABASE_POOLED_URL"))
        role = url.as_role(postgres.role, workspace.vault.get("LANGFUSE_DB_PASSWORD"))
        say(pooled.check(role, postgres.schema))
        self.secrets.set_stage("pooled")
        self.secrets.act(workspace, say)
        try:
            self.release.act(workspace, say)
        except RunbookError as error:
            if before == "direct" and error.code == running.ILL:
                say("not healthy over the pooled URL: going back to the direct connection")
                self.secrets.set_stage("direct")
                self.secrets.act(workspace, say)
                self.release.act(workspace, say)
            raise


def _openai_check(wish: Wish) -> str:
    status = web.status(wish.ports[OPENAI_PORT], "/_control/counters")
    return "" if status == 200 else f"the stand-in for OpenAI answers {status or 'nothing'}"


def ipv4_rules(workspace: Workspace) -> str:
    """The edge's own rules, for a network without IPv6."""
    from ops.render.edge import caddyfile

    return caddyfile(workspace.stack).replace("versions ipv6", "versions ipv4")
