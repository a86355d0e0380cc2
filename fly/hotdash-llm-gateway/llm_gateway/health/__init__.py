"""Whether a gateway is well: its self-test, the delay of its event loop, and counts of what it did."""
