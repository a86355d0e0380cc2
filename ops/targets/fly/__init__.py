"""The target `fly`: production on Fly.io."""

from ops.targets.fly.target import Fly

__all__ = ["Fly"]
