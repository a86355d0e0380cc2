"""What the operator sees and does: administration, metrics, self-test."""
