"""How many examples a property is tried on: few by default, `HYPOTHESIS_EXAMPLES=1000` for a long look."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "ours",
    max_examples=int(os.environ.get("HYPOTHESIS_EXAMPLES", "25")),
    deadline=None,
    database=None,
    derandomize="HYPOTHESIS_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("ours")
