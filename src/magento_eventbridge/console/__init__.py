"""The console: web pages that show what the bridge does and let people act on it."""
