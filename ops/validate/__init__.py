"""Judging rendered files: the tools that will read them, and rules of ours that no tool knows."""
