"""Fly.io: the flyctl binary and Fly's APIs behind one typed client."""

from ops.services.fly.client import Fly
from ops.services.fly.deploying import Deploy
from ops.services.fly.errors import FlyError

__all__ = ["Deploy", "Fly", "FlyError"]
