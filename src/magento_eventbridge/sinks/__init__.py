"""Sinks: where entries go. Each is one module."""
