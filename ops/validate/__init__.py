"""Validation of rendered files: by the tools that will read them, and by rules of ours that no tool knows."""
