"""Events from the rows of the store's tables: history for new consumers, repairs for the audit."""
