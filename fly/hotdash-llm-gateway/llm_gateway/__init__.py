"""The gateway: team keys, limits, two caches, escalation, fallback and traces around LiteLLM's router."""

import os

# OpenBLAS reads it once, when numpy is loaded. A lookup's product is so small that handing parts of it to threads
# takes longer than the product, the more so the busier the machine is.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
