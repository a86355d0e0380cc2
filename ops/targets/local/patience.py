"""Time limits, in seconds, of a look at a server of the rehearsal."""

# On loopback a dead server refuses at once. One that is silent is slow (the machine is busy, or swaps) and is waited
# for, or a plan made at a bad moment would say that something differs which does not.
ANSWER_S = 20.0
