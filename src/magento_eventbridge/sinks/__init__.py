"""Sinks: where entries go. Each is a module or has a folder."""
