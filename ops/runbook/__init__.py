"""The engine: steps, phases, runs, plans, the journal. It knows nothing of Fly or of LLMs."""
