"""A simulated Fly control plane for tests: Machines API, GraphQL and REST on one loopback port."""

from tests.flysim.faults import Call, Fault
from tests.flysim.server import FlySim

__all__ = ["Call", "Fault", "FlySim"]
