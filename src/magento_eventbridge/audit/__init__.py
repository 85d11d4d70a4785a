"""The audit: compares the store's tables with what was delivered, waits or is a dead letter."""
