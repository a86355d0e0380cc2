"""Limits of teams: requests, tokens and dollars; reservations, prices, token counts."""
