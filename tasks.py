"""The runbook's commands, for Invoke. Wiring only: what they do lies in `ops/`."""

from ops.commands import start

if __name__ == "__main__":
    start.main(__file__)
start.hand_over(__file__)

from ops.commands.namespace import namespace  # noqa: E402 - only once it is our Invoke that asks

ns = namespace()
