"""Everything Fly gets, rendered from the stack: pure functions from `Stack` to text."""

from ops.render.edge import RehearsalEdge, caddyfile
from ops.render.files import drift, render_all, write

__all__ = ["RehearsalEdge", "caddyfile", "drift", "render_all", "write"]
