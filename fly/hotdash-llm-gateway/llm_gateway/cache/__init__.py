"""Caches of answers: the exact tier, the semantic tier, and what they share in Redis."""
