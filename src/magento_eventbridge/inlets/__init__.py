"""Inlets: where captures arrive over a network."""
