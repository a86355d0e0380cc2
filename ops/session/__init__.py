"""Executing one command: composing its deployment, running or planning steps, asking for consent."""
