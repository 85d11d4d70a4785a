"""How fast delivery is, beside what else could be used: ratios of one run on one machine."""
