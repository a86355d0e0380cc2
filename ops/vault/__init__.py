"""Secrets: generated, stored, delivered to their consumers, rotated, and never printed."""

from ops.vault.store import Entry, Pending, Vault

__all__ = ["Entry", "Pending", "Vault"]
