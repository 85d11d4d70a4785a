"""The speed of delivery compared with alternatives: ratios of one run on one machine."""
