"""Moving agents to the gateway: their settings by framework, and whether their traffic arrives."""
