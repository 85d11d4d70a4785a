"""Inlets: where captures come in over a wire."""
