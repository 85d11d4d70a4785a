"""The journal: the outcome of each event, kept for people for a while; delivery never reads it."""
