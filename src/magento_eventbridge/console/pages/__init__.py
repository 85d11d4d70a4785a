"""The console's pages, one module each: what it shows, and what can be done there."""
