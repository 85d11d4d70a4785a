"""The embedded queue: one SQLite file (the spool)."""
