"""The gateway: team keys, limits, two caches, escalation, fallback and traces around LiteLLM's router."""
