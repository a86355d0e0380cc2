"""The project's own checks, environments and locks."""
