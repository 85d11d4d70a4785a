"""The ledger: a compact record of what was delivered, kept for months, for the audit."""
