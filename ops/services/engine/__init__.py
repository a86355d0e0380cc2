"""A container engine, docker or podman: found, looked at, and driven through its command line."""
