"""What an agent of a team is given to speak to the gateway, and what is taken back; by framework."""

from __future__ import annotations

from dataclasses import dataclass

from ops.cutover.frameworks import Framework, frameworks
from ops.description.stack import Team
from ops.targets.deployment import Deployment

KEY_VARIABLE = "OPENAI_API_KEY"


@dataclass(frozen=True)
class Settings:
    """A team's settings.

    Attributes:
        vault_command: prints the team's key on standard output, for a pipe.
        reach: in a rehearsal, where the gateway's name leads and whom to trust there.
    """

    team: Team
    base: str
    vault_command: str
    reach: str
    frameworks: tuple[Framework, ...]

    @property
    def hand_over(self) -> str:
        """Brings the key to an agent that runs on Fly, by standard input only."""
        return f"printf '{KEY_VARIABLE}=%s\\n' \"$({self.vault_command})\" | fly secrets import --app AGENT_APP"

    @property
    def in_a_shell(self) -> str:
        """Brings the key to an agent started from a shell."""
        return f'export {KEY_VARIABLE}="$({self.vault_command})"'


def settings(deployment: Deployment, team: str, framework: str = "") -> Settings:
    """The settings of a team's agents, for all frameworks or one.

    Raises:
        RunbookError: CLI-004 there is no such team, CUT-003 there is no such framework.
    """
    found = deployment.team(team)
    endpoints = deployment.target.endpoints()
    reach = ""
    if endpoints.ca is not None:
        where = (
            f"connect to {endpoints.connect}, trust {endpoints.ca}" if endpoints.ca.is_file() else "not deployed yet"
        )
        reach = f"in rehearsal the name does not resolve: {where}"
    return Settings(
        team=found,
        base=f"https://{deployment.stack.domains.gateway}",
        vault_command=f"./inv vault.get {found.key} --target {deployment.target_name}",
        reach=reach,
        frameworks=frameworks(deployment.stack, framework),
    )
