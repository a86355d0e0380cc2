"""The rehearsal: all of the stack on the operator's own machine, with real servers."""

from ops.targets.local.target import Local

__all__ = ["Local"]
