"""Watches the gateway and what it stands on, and writes to the operator: one process beside the gateways."""
