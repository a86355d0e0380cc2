"""Two environments, one tree: the gateway's tests run where LiteLLM is installed, the runbook's where Invoke is."""

from importlib.util import find_spec

collect_ignore = ["gateway", "integration/gateway"] if find_spec("litellm") is None else []
