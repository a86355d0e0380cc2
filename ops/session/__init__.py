"""One command at work: composing its deployment, running or planning steps, asking for consent."""
