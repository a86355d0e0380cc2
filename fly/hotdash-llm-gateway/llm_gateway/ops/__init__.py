"""What the operator sees and does: administration and metrics."""
