"""A simulated Fly control plane for tests: Machines API, GraphQL and REST on one loopback port.

Nothing is imported here: each command of the double is a process, and must not load the simulator to run.
"""
