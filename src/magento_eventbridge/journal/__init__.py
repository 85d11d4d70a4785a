"""The delivery log: what became of each event, kept for people for a while, never for delivery."""
