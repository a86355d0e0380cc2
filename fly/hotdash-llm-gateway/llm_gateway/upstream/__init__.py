"""Access to the provider: which model, which deployment, which fallback."""
