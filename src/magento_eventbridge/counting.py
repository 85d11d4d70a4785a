"""Write counts with their nouns, in logs, messages and pages."""


def count(value: int, thing: str) -> str:
    """Format a count with its noun: `1 event`, `1,200 events`."""
    return f"{value:,} {thing}" if value == 1 else f"{value:,} {thing}s"
