"""Attacks on what ships."""
