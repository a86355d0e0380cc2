"""Everything Fly gets, rendered from the stack: pure functions from `Stack` to text."""

from ops.render.edge import RehearsalEdge, caddyfile
from ops.render.files import render_all

__all__ = ["RehearsalEdge", "caddyfile", "render_all"]
