"""Traces to Langfuse."""
