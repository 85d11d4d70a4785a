"""Looks for input that breaks a promise: what strangers send, and what files of others hold."""
