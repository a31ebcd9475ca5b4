"""Drafts that attack: what they hit, and that nobody else feels it."""
