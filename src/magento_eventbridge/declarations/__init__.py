"""Own events and fields: read what the shop declares, check it, keep it at hand."""
