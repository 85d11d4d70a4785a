"""What AWS asks of its callers: credentials and endpoints."""
