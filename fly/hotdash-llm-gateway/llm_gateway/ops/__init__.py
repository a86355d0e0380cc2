"""The operator's interface: administration and metrics."""
