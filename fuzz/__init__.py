"""Fuzzing of everything that reads foreign input: requests, messages and files."""
