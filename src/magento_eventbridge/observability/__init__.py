"""What the bridge shows of itself: log, metrics, health and traces."""
