"""Thin clients of other systems: Fly, Postgres, Redis, S3, DNS, the gateway, Langfuse."""
