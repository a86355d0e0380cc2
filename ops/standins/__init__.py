"""Stand-ins for the two outside services of the rehearsal: OpenAI's API and Langfuse.

Each is a small HTTP server that behaves, where the gateway and its runbook look, like the real one, and can
be told to misbehave. They are used by the rehearsal and by tests only, and never reach the network.
"""
