"""Seeing how the gateway does: the success metrics against their goals, and what it costs."""
